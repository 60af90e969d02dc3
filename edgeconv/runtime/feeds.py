"""What every session checks before it hands arrays to native code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.runtime.session import TensorSpec


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
