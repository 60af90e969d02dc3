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
from edgeconv.data.inputs import Intake
from edgeconv.data.preprocessing import normalize_batch
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


def stacked(samples: Sequence[Sample], intake: Intake) -> Samples:
    """Several as a net is run on them; at least one."""
    if intake.preprocessing is not None:
        pixels = [sample for sample in samples if isinstance(sample, np.ndarray)]
        return Images(normalize_batch(pixels, intake.preprocessing), np.stack(pixels))
    held = [sample for sample in samples if isinstance(sample, dict)]
    return Tensors({s.name: np.stack([arrays[s.name] for arrays in held]) for s in intake.inputs})
