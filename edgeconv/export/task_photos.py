"""Which photos `--max-drop` of a task is judged on: those with labels, and enough of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeconv.data.inputs import Intake
from edgeconv.errors import UsageError
from edgeconv.export.calibration import OwnSamples, fair_order
from edgeconv.export.divided_photos import DividedPhotos, divide_own, photos_to_give
from edgeconv.export.options import ExportOptions
from edgeconv.verify.accuracy.promise import fewest_photos
from edgeconv.verify.tasks.drops import fewest_to_show
from edgeconv.verify.tasks.prepare import Judged, Prepared, prepared


def check_task(own: OwnSamples, options: ExportOptions) -> None:
    """Reads a task's labels, where a bound is of one.

    Raises:
        UsageError: labels that do not fit, or too few photos to show the bound, whatever they say.
        RefusedError: labels that cannot be read.
    """
    request = options.judged_task
    if request is None or options.calib is None:
        return
    task = prepared(request, Judged("the net"), options.calib)
    fewest, able = _fewest(options, task), _able(own, task)
    if divide_own(own, Intake(()), options.calib_samples, fewest, able).judging.count:
        return
    raise UsageError(
        f"--max-drop {options.max_drop:g} of {request.task} cannot be shown by the {len(able):,} "
        f"samples {'with labels' if request.labels else 'there are'}, even if nothing is lost: "
        f"{fewest:,} must judge alone, and others calibrate; give at least "
        f"{photos_to_give(fewest, options.calib_samples):,} in --calib, or allow more"
    )


def divided_for_task(
    own: OwnSamples, intake: Intake, options: ExportOptions, task: Prepared
) -> DividedPhotos:
    """The photos of an export whose bound is of a task."""
    fewest = _fewest(options, task)
    return divide_own(own, intake, options.calib_samples, fewest, _able(own, task))


def _fewest(options: ExportOptions, task: Prepared) -> int:
    """Photos that must judge; pairs have two."""
    bound = options.max_drop or 0.0
    fewest = fewest_photos(bound) if task.is_counted else fewest_to_show(task.unit, bound)
    return fewest * (2 if task.pairs else 1)


def _able(own: OwnSamples, task: Prepared) -> list[Path]:
    """The photos that can judge, both of a pair together, any first part of them fair."""
    others = set(own.others)
    if not task.pairs:
        able = [photo for photo in task.photos if photo in others]
        return fair_order(able, len(able))
    whole = [pair for pair in task.pairs if all(task.photos[place] in others for place in pair)]
    order = np.random.default_rng(0).permutation(len(whole))
    found = (task.photos[place] for number in order for place in whole[number])
    return list(dict.fromkeys(found))
