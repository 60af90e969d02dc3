"""Which photos an export calibrates on, streamed so that memory does not grow with their number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.data import builtin, folders
from edgeconv.data.decode import stream
from edgeconv.data.preprocessing import Preprocessing, normalize

#: Crops of the built-in photographs; more would only show the same ones again.
BUILTIN_PHOTOS = 64

_GOLDEN_SECTION = (math.sqrt(5) - 1) / 2

_BUILTIN_NOTE = (
    "calibrated on edgeconv's built-in photographs; photos like those your app will see give "
    "better int8 accuracy: --calib DIR"
)


@dataclass(frozen=True, eq=False)
class Calibration:
    """A set of calibration photos.

    Attributes:
        source: "builtin", or "folder".
        count: how many photos.
        preprocessing: geometry and normalization of the inputs.
        note: what to tell the user of this choice, None where there is nothing to tell.
    """

    source: str
    count: int
    preprocessing: Preprocessing
    note: str | None
    _photos: Callable[[], Iterator[NDArray[np.uint8]]]

    def batches(self, batch: int, *, raw: bool) -> Iterator[NDArray[np.float32]]:
        """Inputs of the graph: float32 (batch, 3, H, W), normalized, or 0..255 where `raw`.

        A last batch that is not full is filled up with its last photo.
        """
        photos = self._photos()
        while part := list(islice(photos, batch)):
            part += [part[-1]] * (batch - len(part))
            yield np.stack([self._input(pixels, raw) for pixels in part])

    def _input(self, pixels: NDArray[np.uint8], raw: bool) -> NDArray[np.float32]:
        if raw:
            return pixels.transpose(2, 0, 1).astype(np.float32)
        return normalize(pixels, self.preprocessing)


def calibration_photos(
    folder: Path | None, preprocessing: Preprocessing, samples: int
) -> Calibration:
    """The calibration photos of an export.

    They come in an order in which any first part of them is a fair sample of all: a folder often
    holds one class after another. Only their paths are held, never the photos.

    Args:
        folder: where the user's photos lie; None takes the built-in ones.
        preprocessing: geometry of the crops.
        samples: most photos to take; from a larger folder, evenly spread ones.

    Raises:
        UsageError: the folder does not exist or holds no photo.
    """
    if folder is None:
        return builtin_photos(preprocessing, 0, samples)
    return photos_of(fair_order(folders.list_images(folder), samples), preprocessing)


def builtin_photos(preprocessing: Preprocessing, start: int, stop: int) -> Calibration:
    """Some of the photos that come along, or as many as there are of them."""
    stop = min(stop, BUILTIN_PHOTOS)
    return Calibration(
        source="builtin",
        count=max(stop - start, 0),
        preprocessing=preprocessing,
        note=_BUILTIN_NOTE,
        _photos=lambda: islice(builtin.photos(preprocessing, stop, "calibration"), start, None),
    )


def photos_of(paths: Sequence[Path], preprocessing: Preprocessing) -> Calibration:
    """The user's photos, in this order."""
    return Calibration(
        source="folder",
        count=len(paths),
        preprocessing=preprocessing,
        note=None,
        _photos=lambda: stream(paths, preprocessing),
    )


def fair_order(paths: Sequence[Path], most: int) -> list[Path]:
    """At most so many of a folder's paths, any part of which in a row is a fair sample of all."""
    return _scattered(_spread(list(paths), most))


def _spread(paths: list[Path], samples: int) -> list[Path]:
    """At most `samples` of the paths, evenly spread over them."""
    if len(paths) <= samples:
        return paths
    return [paths[i * len(paths) // samples] for i in range(samples)]


def _scattered(paths: list[Path]) -> list[Path]:
    """The paths in steps of the golden section around the list: neighbours end up far apart."""
    count = len(paths)
    step = max(1, round(count * _GOLDEN_SECTION))
    while math.gcd(step, count) != 1:
        step += 1
    return [paths[i * step % count] for i in range(count)]
