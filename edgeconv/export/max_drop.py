"""How `--max-drop` looks at calibration photos: in two halves, each judging a plan of the other.

A plan is at its best on the photos it was made of. So two more are made in the way of the one that
is exported, each from every second photo, and judged on the photos between: all photos judge, and
each as an app's photos will.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.export.calibration import Calibration
from edgeconv.quantize.mixed.choice import Fold
from edgeconv.quantize.mixed.predicted_drop import FEWEST_PHOTOS
from edgeconv.quantize.recipe.recipes import Quantized

#: Photos of each half that the sensitivity is measured on: some settle it within some per cent.
RANKING_PHOTOS = 8
#: Photos of each half that a drop is predicted from, at most.
MOST_JUDGING_PHOTOS = 128


def require_enough(calibration: Calibration) -> None:
    """Raises UsageError where a drop cannot be predicted from so few photos."""
    if calibration.count < FEWEST_PHOTOS:
        raise UsageError(
            f"--max-drop predicts the drop from the calibration photos, and {calibration.count} "
            f"are too few: give at least {FEWEST_PHOTOS}, better 128"
        )


def folds(
    calibration: Calibration,
    planned: Callable[[str, Calibration], Quantized],
    batch: int,
    *,
    raw: bool,
) -> Iterator[Fold]:
    """Plans each half of the photos.

    Args:
        calibration: all of them.
        planned: plans from photos; told first which these are.
        batch: inputs a batch.
        raw: whether the graph takes raw pixels.
    """
    one, other = calibration.every_second(0), calibration.every_second(1)
    for name, seen, others in (("first half", one, other), ("second half", other, one)):
        quantized = planned(name, seen)
        yield Fold(
            quantized.model,
            quantized.plan,
            ranking=_first(seen, RANKING_PHOTOS, batch, raw=raw),
            judging=_first(others, MOST_JUDGING_PHOTOS, batch, raw=raw),
            count=min(others.count, -(-MOST_JUDGING_PHOTOS // batch) * batch),
        )


def _first(
    photos: Calibration, most: int, batch: int, *, raw: bool
) -> Sequence[NDArray[np.float32]]:
    return list(islice(photos.batches(batch, raw=raw), -(-most // batch)))
