"""Which of the photos `--max-drop` calibrates on, chooses by, and judges by: no photo does two.

    calibrate   the plan is made of them, as many as without a bound where there are enough
    choose      what stays in float is chosen on them, with a plan that has not seen them
    judge       the plan that is exported is judged on them, which has chosen nothing by them

Where so few photos cannot show the bound whatever they say, none judge: all go into the choice.
Those that judge the exported files are none of these (`calibration.OwnSamples`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgeconv.data.inputs import Intake
from edgeconv.errors import UsageError
from edgeconv.export.calibration import (
    BUILTIN_PHOTOS,
    HELD_BACK_PHOTOS,
    Calibration,
    OwnSamples,
    builtin_photos,
    fair_order,
    samples_of,
)
from edgeconv.quantize.mixed.predicted_drop import FEWEST_PHOTOS
from edgeconv.verify.accuracy.promise import fewest_photos

#: Photos that choose, at most: more tell levels of noise no further apart.
MOST_CHOOSING = 128
#: Photos that calibrate and choose, at least.
FEWEST_OTHERS = FEWEST_PHOTOS * 3 // 2
#: Photos that judge, at most, in fewest photos that could show the bound: more would let little
#: more int8 through. And the most, where not even the fewest are more.
ENOUGH, MOST_JUDGING = 8, 8192


@dataclass(frozen=True)
class Counts:
    """How many photos do what."""

    calibrate: int
    choose: int
    judge: int


@dataclass(frozen=True, eq=False)
class DividedPhotos:
    """The photos of an export with a bound.

    Attributes:
        calibration, choosing, judging: see above; the last may be none.
        labels: class of each photo that judges; None without labels.
        total: how many there are, with those that judge the files.
    """

    calibration: Calibration
    choosing: Calibration
    judging: Calibration
    labels: tuple[int, ...] | None
    total: int


def require_enough(own: OwnSamples) -> None:
    """Raises UsageError where so few photos can neither calibrate nor choose."""
    total = len(own.others)
    if total < FEWEST_OTHERS:
        beside = f" beside the {own.held_back} that judge the files" if own.held_back else ""
        raise UsageError(
            f"--max-drop calibrates on some photos and chooses what stays in float by others, and "
            f"{total}{beside} are too few: give at least {FEWEST_OTHERS + HELD_BACK_PHOTOS}, "
            f"better some hundred"
        )


def divide(
    own: OwnSamples | None,
    intake: Intake,
    samples: int,
    max_drop: float,
    labels: Mapping[Path, int] | None = None,
) -> DividedPhotos:
    """Divides the user's photos, or those that come along; the same way for the same folder.

    Args:
        own: the user's photos; None takes the built-in ones, which never judge: they are crops of
            a few photographs, none of which is the user's.
        intake: what the net takes.
        samples: most photos to calibrate on.
        max_drop: the bound that they are to show, in points.
        labels: class of each photo that has one; without it photos need none to judge.

    Raises:
        UsageError: there are too few photos.
    """
    fewest = fewest_photos(max_drop)
    if own is None:
        counts = division(BUILTIN_PHOTOS, samples, fewest, 0)
        end = counts.calibrate + counts.choose
        return DividedPhotos(
            builtin_photos(intake, 0, counts.calibrate),
            builtin_photos(intake, counts.calibrate, end),
            builtin_photos(intake, end, end),
            None,
            BUILTIN_PHOTOS,
        )
    paths = own.others
    able = paths if labels is None else [path for path in paths if path in labels]
    divided = divide_own(own, intake, samples, fewest, fair_order(able, len(able)))
    if labels is None:
        return divided
    return replace(divided, labels=tuple(labels[path] for path in divided.judging.paths))


def divide_own(
    own: OwnSamples, intake: Intake, samples: int, fewest: int, able: Sequence[Path]
) -> DividedPhotos:
    """Divides the user's photos.

    Args:
        own: the photos.
        intake: what the net takes.
        samples: most photos to calibrate on.
        fewest: how many could show the bound at least.
        able: those that can judge, in an order in which any first part is fair.

    Raises:
        UsageError: there are too few photos.
    """
    paths = own.others
    require_enough(own)
    counts = division(len(paths), samples, fewest, len(able))
    judging = list(able[: counts.judge])
    others = fair_order(sorted({*paths} - {*judging}), counts.calibrate + counts.choose)
    return DividedPhotos(
        samples_of(others[: counts.calibrate], intake),
        samples_of(others[counts.calibrate :], intake),
        samples_of(judging, intake),
        None,
        len(paths) + own.held_back,
    )


def division(total: int, samples: int, fewest: int, able: int) -> Counts:
    """How many photos do what.

    Args:
        total: all photos, at least `FEWEST_OTHERS`.
        samples: most that calibrate.
        fewest: how many could show the bound at least.
        able: how many of them can judge.
    """
    enough = max(min(ENOUGH * fewest, MOST_JUDGING), fewest, FEWEST_PHOTOS)
    judge = min(max(total - samples - MOST_CHOOSING, total // 2), total - FEWEST_OTHERS, able)
    judge = min(judge, enough) if judge >= fewest else 0
    others = total - judge
    choose = min(max(FEWEST_PHOTOS, others * 3 // 8), MOST_CHOOSING)
    return Counts(min(samples, others - choose), choose, judge)


def photos_to_give(judging: int, samples: int) -> int:
    """How many photos there must be for so many to judge the bound, and some the files."""
    others = max(min(judging + samples + MOST_CHOOSING, 2 * judging), judging + FEWEST_OTHERS)
    return others + HELD_BACK_PHOTOS
