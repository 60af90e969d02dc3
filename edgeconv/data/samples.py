"""Samples of a user's: files of photos or of tensors, as the net that is run on them takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeconv import threads
from edgeconv.data import decode
from edgeconv.data.arrays import load_arrays
from edgeconv.data.folders import holds_tensors
from edgeconv.data.inputs import Intake
from edgeconv.data.preprocessing import normalize_batch
from edgeconv.errors import UsageError
from edgeconv.runtime.adapt import Images, Samples, Tensors

Sample: TypeAlias = NDArray[Any] | dict[str, NDArray[np.float32]]
"""One: the pixels of a photo, uint8 (H, W, C), or the array of each input by name."""


def stream(paths: Sequence[Path], intake: Intake) -> Iterator[Sample]:
    """Reads files in order; few are held at a time.

    Raises:
        ImageRefused, RefusedError: at the first that cannot be read; names it.
    """
    if intake.preprocessing is not None:
        return decode.stream(paths, intake.preprocessing)
    return threads.stream(
        lambda path: load_arrays(path, intake.inputs),
        paths,
        workers=threads.count_workers(decode.MAX_WORKERS),
        ahead=decode.LOOK_AHEAD,
    )


def require_kind(paths: Sequence[Path], intake: Intake, of: str) -> None:
    """Raises UsageError where files of `folders.list_samples` are not of the kind a net takes.

    Args:
        paths: photos, or tensors.
        intake: what the net takes.
        of: what it is called in a message.
    """
    if not holds_tensors(paths):
        intake.of_photo(of)
    elif intake.preprocessing is not None:
        raise UsageError(
            f"{paths[0].parent} holds tensors ({paths[0].name}, ...), and it is known how a photo "
            f"becomes what {of} takes; give a folder of photos"
        )


def stacked(samples: Sequence[Sample], intake: Intake) -> Samples:
    """Several as a net is run on them; at least one."""
    if intake.preprocessing is not None:
        pixels = [sample for sample in samples if isinstance(sample, np.ndarray)]
        return Images(normalize_batch(pixels, intake.preprocessing), np.stack(pixels))
    held = [sample for sample in samples if isinstance(sample, dict)]
    names = [spec.name for spec in intake.inputs]
    arrays = {name: np.stack([sample[name] for sample in held]) for name in names}
    return Tensors(arrays, as_in_file=intake.of_file)
