"""Which calibration photos `--max-drop` plans from, and which it judges by.

Every second photo is held back: the plan is made of the others, so what the held-back ones show is
what photos of an app will show.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from edgeconv.export.calibration import Calibration
from edgeconv.quantize.mixed import Photos

#: Photos the sensitivity is measured on: ten logits of each settle it within some per cent.
RANKING_PHOTOS = 16
#: Photos a drop is predicted from, at most.
MOST_JUDGING_PHOTOS = 128

Batches = Iterator[NDArray[np.float32]]


def planned_from(calibration: Calibration, batch: int, *, raw: bool) -> Batches:
    """The inputs that are not held back."""
    return islice(calibration.batches(batch, raw=raw), 0, None, 2)


def photos_of(calibration: Calibration, batch: int, *, raw: bool) -> Photos:
    """A few of the inputs the plan is made of, and those held back."""
    seen = planned_from(calibration, batch, raw=raw)
    held_back = islice(calibration.batches(batch, raw=raw), 1, None, 2)
    return Photos(
        ranking=list(islice(seen, -(-RANKING_PHOTOS // batch))),
        judging=list(islice(held_back, -(-MOST_JUDGING_PHOTOS // batch))),
    )
