"""Which photos an export calibrates on, streamed so that memory does not grow with their number.

Of the user's those that judge the exported files are taken away first, whatever the others do.
"""

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

#: Photos of a folder that are held back to judge the exported files, at most: as many as judge them
#: without a folder. Of a small one it is every eighth, so that calibration hardly misses them.
HELD_BACK_PHOTOS = 8
_HELD_BACK_SHARE = 8

_GOLDEN_SECTION = (math.sqrt(5) - 1) / 2

_BUILTIN_NOTE = (
    "calibrated on edgeconv's built-in photographs; photos like those your app will see give "
    "better int8 accuracy: --calib DIR"
)


@dataclass(frozen=True)
class OwnPhotos:
    """The photos of a user's folder.

    Attributes:
        judging: those that judge the exported files.
        others: those that all else is taken from, in the folder's order.
        are_held_back: whether the former are none of the latter; not so in a folder of very few.
    """

    judging: tuple[Path, ...]
    others: tuple[Path, ...]
    are_held_back: bool

    @property
    def held_back(self) -> int:
        """How many are not among the others."""
        return len(self.judging) if self.are_held_back else 0

    @property
    def note(self) -> str | None:
        """What to tell the user of the division, None where there is nothing to tell."""
        if self.are_held_back:
            return None
        count = len(self.others)
        return (
            f"{count} photo{' is' if count == 1 else 's are'} too few to hold one back, so that "
            f"calibration saw those that judge the files; of {_HELD_BACK_SHARE} photos or more, "
            f"one in {_HELD_BACK_SHARE} is held back, {HELD_BACK_PHOTOS} at most"
        )


def own_photos(folder: Path | None) -> OwnPhotos | None:
    """The user's photos; the same folder is always divided the same way.

    Raises:
        UsageError: the folder does not exist or holds no photo.
    """
    return None if folder is None else held_back(folders.list_images(folder))


def held_back(paths: Sequence[Path]) -> OwnPhotos:
    """Takes the photos away that judge, evenly spread over the folder's."""
    judging = _spread(list(paths), min(HELD_BACK_PHOTOS, len(paths) // _HELD_BACK_SHARE))
    if not judging:
        return OwnPhotos(tuple(paths), tuple(paths), are_held_back=False)
    apart = set(judging)
    others = tuple(path for path in paths if path not in apart)
    return OwnPhotos(tuple(judging), others, are_held_back=True)


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
    own: OwnPhotos | None, preprocessing: Preprocessing, samples: int
) -> Calibration:
    """The calibration photos of an export.

    They come in an order in which any first part of them is a fair sample of all: a folder often
    holds one class after another. Only their paths are held, never the photos.

    Args:
        own: the user's photos; None takes the built-in ones.
        preprocessing: geometry of the crops.
        samples: most photos to take; from a larger folder, evenly spread ones.
    """
    if own is None:
        return builtin_photos(preprocessing, 0, samples)
    return photos_of(fair_order(own.others, samples), preprocessing)


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
