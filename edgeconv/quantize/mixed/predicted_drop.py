"""What rounding costs in top-1, told from photos that have no labels.

Where a candidate's first class is another than the float net's, the float net itself says what
that costs: its probability of the one class less that of the other. The mean over photos is the
expected drop, if probabilities are honest. Nets trained with weight decay and augmentation are less
sure than they should be on ordinary photos (MobileNetV2's mean confidence is 0.73 where 0.82 of its
answers are right, SqueezeNet's 0.49 where 0.59 are), which would make the cost look small, so the
logits are sharpened by half before the softmax: confidence then exceeds accuracy on both, and the
cost is overstated.

Few photos of a hundred lie near a tie, so whether just these turned over is chance. Each photo is
therefore tried with the errors of its neighbours, too: those whose margin between first and second
class is nearest, their errors taken by rank (of the first class, of the second, ...). Errors grow
with the logits, so those of photos far away say nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeconv.errors import UsageError

#: Fewer photos say nothing about the rare ones near a tie.
FEWEST_PHOTOS = 32
#: One-sided confidence of the upper bound.
CONFIDENCE = 0.95
#: Factor on the logits before the softmax.
SHARPENING = 1.5
#: Photos whose errors are tried on each photo.
NEIGHBOURS = 24
#: How many times as high as a photo's own highest logit (above the mean) its neighbours' may be.
HIGHEST = 1.25
#: Classes looked at, from the highest; an error that lifts a lower one to the top is no rounding.
RANKS = 50


@dataclass(frozen=True)
class PredictedDrop:
    """A prediction, in percentage points of top-1.

    Attributes:
        points: expected drop.
        at_most_points: its one-sided 95 % bound over photos like these.
        disagreement: expected share of photos whose first class changes, 0 to 1.
        photos: how many it was told from.
    """

    points: float
    at_most_points: float
    disagreement: float
    photos: int

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return {name: round(value, 4) for name, value in vars(self).items()}


def predict_drop(reference: ArrayLike, *candidates: ArrayLike) -> PredictedDrop:
    """The drop that logits foretell.

    Args:
        reference: the float net's logits, (photos, classes).
        candidates: the rounded net's, of the same photos; several where there are several samples
            of its errors.

    Raises:
        UsageError: fewer than `FEWEST_PHOTOS` photos.
    """
    exact = np.asarray(reference, np.float64)
    count = len(exact)
    if count < FEWEST_PHOTOS:
        raise UsageError(
            f"a drop of top-1 cannot be predicted from {count} photos; at least {FEWEST_PHOTOS} "
            f"are needed that the plan was not made of"
        )
    order = np.argsort(-exact, axis=1, kind="stable")[:, :RANKS]
    logits = np.take_along_axis(exact, order, axis=1)
    probabilities = np.take_along_axis(_softmax(SHARPENING * exact), order, axis=1)
    donors = _neighbours(logits, logits[:, 0] - exact.mean(axis=1))
    firsts = []
    for candidate in candidates:
        rounded = np.take_along_axis(np.asarray(candidate, np.float64), order, axis=1)
        firsts.append(_last_maximum(logits[:, None, :] + (rounded - logits)[donors]))
    first = np.concatenate(firsts, axis=1)
    costs = probabilities[:, :1] - np.take_along_axis(probabilities, first, axis=1)
    mean = float(costs.mean())
    return PredictedDrop(
        points=100 * mean,
        at_most_points=100 * (mean + _margin(costs, np.tile(donors, len(candidates)))),
        disagreement=float((first > 0).mean()),
        photos=count,
    )


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _neighbours(logits: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.intp]:
    """For each photo the photos next to it by margin, itself among them, (photos, neighbours).

    One whose highest logit is far higher lends nothing, the photo stands there itself once more: a
    logit beyond the calibrated range is clipped, which ordinary photos cannot suffer.
    """
    order = np.argsort(logits[:, 0] - logits[:, 1], kind="stable")
    count, width = len(order), min(NEIGHBOURS + 1, len(order))
    starts = np.clip(np.arange(count) - width // 2, 0, count - width)
    donors = np.empty((count, width), np.intp)
    donors[order] = order[starts[:, None] + np.arange(width)]
    alike = heights[donors] <= HIGHEST * heights[:, None]
    return np.where(alike, donors, np.arange(count)[:, None])


def _last_maximum(logits: NDArray[np.float64]) -> NDArray[np.intp]:
    """The rank of the highest logit; of several equal ones (clipped alike) the lowest rank."""
    ranks: NDArray[np.intp] = logits.shape[-1] - 1 - np.argmax(logits[..., ::-1], axis=-1)
    return ranks


def _margin(costs: NDArray[np.float64], donors: NDArray[np.intp]) -> float:
    """How far the true mean may lie above: chance in the photos and in the errors they lend.

    One photo more, as costly as the worst seen, stands for what so few did not show.
    """
    count = len(costs)
    by_photo = costs.mean(axis=1)
    lent = np.bincount(donors.reshape(-1), weights=costs.reshape(-1), minlength=count)
    by_donor = lent / costs.shape[1]
    error = math.sqrt((by_photo.var(ddof=1) + by_donor.var(ddof=1)) / count)
    return NormalDist().inv_cdf(CONFIDENCE) * error + float(by_photo.max()) / count
