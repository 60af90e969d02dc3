"""What was lost from float to a file, and what photos show of a bound on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from edgeconv.verify.accuracy.promise import (
    RISK,
    Outcome,
    fewest_photos,
    is_shown,
    photos_needed,
)

#: Percentage points of a share, per cent of float's own size, the photo's pixels, the labels' unit.
LossUnit = Literal["points", "percent", "pixels", "number"]


@dataclass(frozen=True)
class CountedLoss:
    """A loss of which each photo, or each pair, says yes or no."""

    of: str
    outcome: Outcome


@dataclass(frozen=True)
class Shown:
    """What photos show of a bound.

    Attributes:
        of: what is lost.
        unit: of the four below.
        bound: what was asked for.
        lost: what the file loses on these photos.
        at_most: the one-sided 95 % bound of it; None of counts, whose test is exact.
        judged: how many photos, or pairs, it is told from.
        fewest: how many could show the bound at all.
        needed: about how many would, were they like these; None: no number.
        shown: whether they do.
    """

    of: str
    unit: LossUnit
    bound: float
    lost: float
    at_most: float | None
    judged: int
    fewest: int
    needed: int | None
    shown: bool

    def to_json(self) -> dict[str, Any]:
        """The fields by name; numbers that are not finite are null."""
        plain = dict(vars(self), confidence=1 - RISK)
        for name in ("lost", "at_most"):
            value = plain[name]
            plain[name] = value if value is not None and math.isfinite(value) else None
        return plain


def counted(loss: CountedLoss, bound: float) -> Shown:
    """Judges a bound in points, by an exact test."""
    outcome = loss.outcome
    changed, net = outcome.changed, None
    if outcome.lost is not None and outcome.gained is not None:
        changed, net = outcome.lost + outcome.gained, outcome.lost - outcome.gained
    lost = (changed if net is None else net) / outcome.photos
    share = None if net is None else max(lost, 0.0)
    return Shown(
        loss.of,
        "points",
        bound,
        100 * lost,
        None,
        outcome.photos,
        fewest_photos(bound),
        photos_needed(bound, changed / outcome.photos, share),
        shown=is_shown(outcome, bound),
    )
