"""Likeness of keypoints, as COCO defines it: how near points are, as their thing's size allows.

    OKS = mean over marked points of exp(-d^2 / (2 area (2 sigma)^2))

`d` is a point's distance and `sigma` how far annotators differ on it. AR is the share of photos
whose OKS is at least 0.5, 0.55, ... 0.95, as mean over these, AR50 and AR75 at the one: COCO's
average recall for one set of points on each photo. Its average precision orders answers by a score,
which nets of one set do not give.

Source: https://cocodataset.org/#keypoints-eval; `computeOks` of pycocotools.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.verify.tasks.resampling import Statistic, Sums, ratio

#: Of COCO's 17 points of a person, from the nose to the right ankle.
PERSON_SIGMAS = tuple(
    one / 1000 for one in (26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89)
)
_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_AT = {"AR": slice(0, 10), "AR50": slice(0, 1), "AR75": slice(5, 6)}


@dataclass(frozen=True, eq=False)
class Likeness:
    """What the likeness of photos is told by.

    Attributes:
        areas: (photos,), in their pixels.
        sigmas: (points,).
    """

    areas: NDArray[np.float64]
    sigmas: NDArray[np.float64]

    def sums(self, photo: int, distance: NDArray[np.float64], marked: NDArray[np.bool_]) -> Sums:
        """(12,) of a photo: which thresholds it reaches, its OKS, and 1.

        Args:
            photo: its place.
            distance: of each point, (points,); infinite where the net gave none.
            marked: which points count.
        """
        if not marked.any():
            return np.zeros(len(_THRESHOLDS) + 2)
        spread = 2 * self.areas[photo] * (2 * self.sigmas) ** 2
        oks = float(np.exp(-(distance**2) / spread)[marked].mean())
        return np.concatenate([oks >= _THRESHOLDS, [oks, 1.0]]).astype(np.float64)


def likeness(areas: NDArray[np.float64], points: int, sigmas: tuple[float, ...] | None) -> Likeness:
    """By COCO's sigmas of a person's 17 points, where none are given.

    Raises:
        UsageError: there are no sigmas, or not as many as points.
    """
    chosen = PERSON_SIGMAS if sigmas is None and points == len(PERSON_SIGMAS) else sigmas
    if chosen is None or len(chosen) != points:
        given = "none are given" if chosen is None else f"{len(chosen)} are given"
        raise UsageError(
            f"OKS needs a sigma for each of the {points} points, and {given}: sigmas = [...] of "
            "[keypoints] in the file of --decode; COCO's are known for its 17 points"
        )
    return Likeness(areas, np.array(chosen, np.float64))


def mean_oks(sums: Sums) -> NDArray[np.float64]:
    """Of `Likeness.sums`, (..., 12)."""
    return ratio(sums[:, -2], sums[:, -1])


def recalls() -> dict[str, Statistic]:
    """By name, of the same."""
    return {name: _recall(at) for name, at in _AT.items()}


def _recall(at: slice) -> Statistic:
    return lambda sums: ratio(sums[:, at].mean(axis=1), sums[:, -1])
