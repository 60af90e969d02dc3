"""Inputs of sessions: checked before they reach native code, or drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.runtime.session import Session, TensorSpec


def check_feeds(inputs: Sequence[TensorSpec], feeds: Sequence[NDArray[Any]]) -> None:
    """Raises UsageError unless there is one array per input, of its declared shape and type."""
    if len(feeds) != len(inputs):
        raise UsageError(f"the model takes {len(inputs)} input(s), {len(feeds)} given")
    for spec, feed in zip(inputs, feeds, strict=True):
        if feed.shape != spec.shape or feed.dtype != spec.dtype:
            raise UsageError(
                f"input {spec.name} takes {spec.dtype} of shape {spec.shape}, "
                f"not {feed.dtype} of shape {feed.shape}; edgeconv.runtime.adapt.app_input converts"
            )


def random_inputs(session: Session, seed: int) -> list[NDArray[Any]]:
    """Inputs as declared: normal deviates, or integers over the type's whole range."""
    random = np.random.default_rng(seed)
    return [_random(spec, random) for spec in session.inputs]


def _random(spec: TensorSpec, random: np.random.Generator) -> NDArray[Any]:
    if np.issubdtype(spec.dtype, np.integer) and spec.dtype.itemsize < 4:
        limits = np.iinfo(spec.dtype)
        return random.integers(limits.min, limits.max + 1, spec.shape, dtype=spec.dtype)
    if np.issubdtype(spec.dtype, np.floating):
        return random.standard_normal(spec.shape).astype(spec.dtype)
    return np.zeros(spec.shape, spec.dtype)  # indices and flags: zero is always allowed
