"""Which samples an export calibrates on, streamed so that memory does not grow with their number.

Samples are photos, or tensors where nothing says how a photo becomes what the net takes. Of the
user's those that judge the exported files are taken away first, whatever the others do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from edgeconv.data import builtin, folders
from edgeconv.data.arrays import check_arrays, load_arrays
from edgeconv.data.inputs import Intake
from edgeconv.data.samples import Sample, require_kind, stacked, stream
from edgeconv.errors import UsageError
from edgeconv.runtime.adapt import raw_reals
from edgeconv.runtime.feeds import Batch

#: Crops of the built-in photographs; more would only show the same ones again.
BUILTIN_PHOTOS = 64

#: Photos of a folder that are held back to judge the exported files, at most: as many as judge them
#: without a folder. Of a small one it is every eighth, so that calibration hardly misses them.
HELD_BACK_PHOTOS = 8
_HELD_BACK_SHARE = 8

#: Files whose headers are read before the work begins, at most: about a second.
_MOST_HEADERS = 10_000

_GOLDEN_SECTION = (math.sqrt(5) - 1) / 2

_BUILTIN_NOTE = (
    "calibrated on edgeconv's built-in photographs; photos like those your app will see give "
    "better int8 accuracy: --calib DIR"
)


@dataclass(frozen=True)
class OwnSamples:
    """The photos, or the samples of tensors, of a user's folder.

    Attributes:
        judging: those that judge the exported files.
        others: those that all else is taken from, in the folder's order.
        are_held_back: whether the former are none of the latter; not so in a folder of very few.
    """

    judging: tuple[Path, ...]
    others: tuple[Path, ...]
    are_held_back: bool

    @property
    def are_tensors(self) -> bool:
        """Whether they are no photos."""
        return folders.holds_tensors(self.others)

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
            f"{count} sample{' is' if count == 1 else 's are'} too few to hold one back, so that "
            f"calibration saw those that judge the files; of {_HELD_BACK_SHARE} or more, "
            f"one in {_HELD_BACK_SHARE} is held back, {HELD_BACK_PHOTOS} at most"
        )


def own_samples(folder: Path | None) -> OwnSamples | None:
    """The user's samples; the same folder is always divided the same way.

    Raises:
        UsageError: the folder does not exist, or holds no sample or both kinds.
    """
    return None if folder is None else held_back(folders.list_samples(folder))


def held_back(paths: Sequence[Path]) -> OwnSamples:
    """Takes the samples away that judge, evenly spread over the folder's."""
    judging = _spread(list(paths), min(HELD_BACK_PHOTOS, len(paths) // _HELD_BACK_SHARE))
    if not judging:
        return OwnSamples(tuple(paths), tuple(paths), are_held_back=False)
    apart = set(judging)
    others = tuple(path for path in paths if path not in apart)
    return OwnSamples(tuple(judging), others, are_held_back=True)


def fitting(own: OwnSamples | None, intake: Intake, of: str) -> OwnSamples:
    """The user's samples, where they are of the kind that a net takes.

    Args:
        own: the samples; None where no folder is given.
        intake: what the net takes.
        of: what it is called in a message.

    Raises:
        UsageError: there are none and the net takes tensors, or they are of the other kind.
        RefusedError: a file holds other arrays than the net takes; names it.
    """
    if own is None:
        raise UsageError(
            f"nothing says how a photo becomes what {of} takes ({intake}), and edgeconv invents no "
            "data: give --calib DIR of .npy or .npz files, one sample a file; or, where it takes "
            "one image, --mean, --std and --resize"
        )
    require_kind(own.others, intake, of)
    if intake.preprocessing is None:
        for path in (*own.judging, *islice(fair_order(own.others, _MOST_HEADERS), _MOST_HEADERS)):
            check_arrays(path, intake.inputs)
        for path in own.judging:  # all that is in them: at once, not after minutes
            load_arrays(path, intake.inputs)
    return own


@dataclass(frozen=True, eq=False)
class Calibration:
    """A set of calibration samples.

    Attributes:
        source: "builtin", or "folder".
        count: how many there are.
        intake: what they are made into.
        note: what to tell the user of this choice, None where there is nothing to tell.
        paths: the user's files; none of what comes along.
    """

    source: str
    count: int
    intake: Intake
    note: str | None
    _samples: Callable[[], Iterator[Sample]]
    paths: tuple[Path, ...] = ()

    def batches(self, batch: int, *, raw: bool) -> Iterator[Batch]:
        """Inputs of the graph: float32 (batch, ...), photos normalized, or 0..255 where `raw`.

        A last batch that is not full is filled up with its last sample.
        """
        samples = self._samples()
        while part := list(islice(samples, batch)):
            part += [part[-1]] * (batch - len(part))
            pixels = [sample for sample in part if isinstance(sample, np.ndarray)] if raw else []
            yield raw_reals(np.stack(pixels)) if pixels else stacked(part, self.intake).reals


def calibration_photos(own: OwnSamples | None, intake: Intake, samples: int) -> Calibration:
    """The calibration samples of an export.

    They come in an order in which any first part of them is a fair sample of all: a folder often
    holds one class after another. Only their paths are held, never the samples.

    Args:
        own: the user's; None takes the built-in photos.
        intake: what the net takes.
        samples: most to take; from a larger folder, evenly spread ones.
    """
    if own is None:
        return builtin_photos(intake, 0, samples)
    return samples_of(fair_order(own.others, samples), intake)


def builtin_photos(intake: Intake, start: int, stop: int) -> Calibration:
    """Some of the photos that come along, or as many as there are of them."""
    stop, preprocessing = min(stop, BUILTIN_PHOTOS), intake.of_photo("the net")
    return Calibration(
        source="builtin",
        count=max(stop - start, 0),
        intake=intake,
        note=_BUILTIN_NOTE,
        _samples=lambda: islice(builtin.photos(preprocessing, stop, "calibration"), start, None),
    )


def samples_of(paths: Sequence[Path], intake: Intake) -> Calibration:
    """The user's samples, in this order."""
    return Calibration(
        source="folder",
        count=len(paths),
        intake=intake,
        note=None,
        _samples=lambda: stream(paths, intake),
        paths=tuple(paths),
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
