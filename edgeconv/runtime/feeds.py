"""Inputs of nets and sessions: by name, checked before they reach native code, drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.runtime.session import Session, TensorSpec

Batch: TypeAlias = NDArray[np.float32] | Mapping[str, NDArray[np.float32]]
"""What a float net takes, (N, ...): the array of its one input, or those of several by name."""


def by_name(batch: Batch, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """The arrays of a batch under the names of a graph's inputs, in their order."""
    if isinstance(batch, Mapping):
        return {name: batch[name] for name in names}
    (name,) = names
    return {name: batch}


def arrays_of(batch: Batch) -> tuple[NDArray[np.float32], ...]:
    """The arrays of a batch, one for each input."""
    return tuple(batch.values()) if isinstance(batch, Mapping) else (batch,)


def rows(batch: Batch, which: slice) -> Batch:
    """Some of the samples, as views."""
    found: Batch = of_each(batch, lambda array: array[which])
    return found


def of_each(batch: Batch, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
    """A batch of what becomes of each of its arrays."""
    if isinstance(batch, Mapping):
        return {name: change(array) for name, array in batch.items()}
    return change(batch)


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
