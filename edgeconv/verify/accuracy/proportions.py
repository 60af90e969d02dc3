"""Intervals and tests for shares of images, one net's and two nets' on the same images.

Two nets judged on the same images are paired: only the images that one gets right and the other
wrong tell them apart. Everything here works from counts.

Sources:
    E. B. Wilson, "Probable inference", JASA 22 (1927): the interval of one share.
    Q. McNemar, Psychometrika 12 (1947): the paired test, here in its exact binomial form.
    T. Tango, Statistics in Medicine 17 (1998) 891-908: the score interval of a paired difference,
        which SciPy has not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95
"""Confidence level of every interval."""

_BISECTIONS = 60


@dataclass(frozen=True)
class Share:
    """A share of images, with its Wilson interval.

    Attributes:
        count: images that have the property.
        total: all images.
        value: count / total.
        low: lower end of the two-sided 95 % interval.
        high: upper end.
    """

    count: int
    total: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDrop:
    """How much a candidate's top-1 lies below the reference's on the same images.

    Attributes:
        reference_only: images the reference gets right and the candidate wrong.
        candidate_only: images the candidate gets right and the reference wrong.
        total: all images.
        points: the drop in percentage points, negative where the candidate is better.
        low_points: lower end of Tango's two-sided 95 % score interval.
        high_points: its upper end.
        bound_points: Tango's one-sided 95 % upper bound: "the drop is at most this".
        p_value: McNemar's exact two-sided test that neither net is better.
    """

    reference_only: int
    candidate_only: int
    total: int
    points: float
    low_points: float
    high_points: float
    bound_points: float
    p_value: float


def share(count: int, total: int) -> Share:
    """A share with Wilson's score interval, which stays within 0 and 1 for any count.

    Raises:
        ValueError: not 0 <= count <= total, or total is 0.
    """
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"{count} of {total} is no share")
    from scipy import stats  # costs most of a second, and `tango` does without

    ends = stats.binomtest(count, total).proportion_ci(LEVEL, method="wilson")
    return Share(count, total, count / total, float(ends.low), float(ends.high))


def mcnemar(reference_only: int, candidate_only: int) -> float:
    """Exact two-sided p value: discordant images against a fair coin; 1 where there are none."""
    from scipy import stats

    discordant = reference_only + candidate_only
    return float(stats.binomtest(reference_only, discordant).pvalue) if discordant else 1.0


def paired_drop(reference_only: int, candidate_only: int, total: int) -> PairedDrop:
    """The paired comparison of two nets from its counts.

    Raises:
        ValueError: the counts do not fit together.
    """
    low, high = tango(reference_only, candidate_only, total)
    _, bound = tango(reference_only, candidate_only, total, level=2 * LEVEL - 1)
    return PairedDrop(
        reference_only=reference_only,
        candidate_only=candidate_only,
        total=total,
        points=100 * (reference_only - candidate_only) / total,
        low_points=100 * low,
        high_points=100 * high,
        bound_points=100 * bound,
        p_value=mcnemar(reference_only, candidate_only),
    )


def tango(
    first_only: int, second_only: int, total: int, level: float = LEVEL
) -> tuple[float, float]:
    """The two-sided asymptotic score interval of (first_only - second_only) / total.

    The interval holds every difference whose score statistic (Tango 1998, equation 5) is within
    the normal quantile. Either end alone is a one-sided bound of level (1 + level) / 2.

    Raises:
        ValueError: negative counts, more discordant pairs than pairs, or no pairs.
    """
    if min(first_only, second_only) < 0 or first_only + second_only > total or total == 0:
        raise ValueError(f"{first_only} and {second_only} discordant of {total} cannot be")
    z = NormalDist().inv_cdf((1 + level) / 2)
    estimate = (first_only - second_only) / total

    def end(limit: float, target: float) -> float:
        inside, outside = estimate, limit
        for _ in range(_BISECTIONS):  # the statistic falls as the difference grows
            middle = (inside + outside) / 2
            if abs(_score(middle, first_only, second_only, total)) <= target:
                inside = middle
            else:
                outside = middle
        return inside

    return end(-1.0, z), end(1.0, z)


def _score(difference: float, first_only: int, second_only: int, total: int) -> float:
    """Tango's statistic: the observed difference against its variance under `difference`.

    The variance needs the share of pairs only the second has, estimated under the constraint that
    the two discordant shares differ by `difference`: the root of a quadratic.
    """
    a = 2 * total
    b = -first_only - second_only + (2 * total - first_only + second_only) * difference
    c = -second_only * difference * (1 - difference)
    second_share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = total * (2 * second_share + difference * (1 - difference))
    distance = first_only - second_only - total * difference
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)
