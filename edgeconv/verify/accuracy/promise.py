"""What photos can show of a bound: "a plan changes, or loses, at most this", with 95 % confidence.

    without labels   photos whose first class changes; none loses top-1 that does not change
    with labels      photos that go from right to wrong, less those that go from wrong to right

Both tests are exact. A plan that misses the bound is called within it on at most 5 % of the sets of
photos one may draw, whatever their number: for changes that is Clopper and Pearson's bound; for
labels Tango's score orders the outcomes, and the chance of one as good is taken at the worst share
of photos that change at all (Tango's own bound leans on the normal distribution and is past 5 %
where few photos change).

Of several plans, ordered before these photos are looked at, each is tested in turn until the first
that is not shown, at the full 5 %: a promise can only be false if the first plan of the sequence
that misses the bound is shown, so the order costs nothing.

Sources:
    C. J. Clopper, E. S. Pearson, Biometrika 26 (1934).
    T. Tango, Statistics in Medicine 17 (1998) 891-908; made exact as by K. Sidik, Statistics in
        Medicine 22 (2003) 265-278.
    W. Maurer, L. A. Hothorn, W. Lehmacher, in Biometrie in der chemisch-pharmazeutischen Industrie
        6 (1995): the fixed sequence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.verify.accuracy.proportions import tango

#: Chance of a false promise, at most.
RISK = 0.05
#: How often the worst share of changing photos is looked for.
_SHARES = 96
#: More photos than this nobody is asked for.
_MOST_ASKED = 100_000


@dataclass(frozen=True)
class Outcome:
    """What a plan did to the first class of photos.

    Attributes:
        photos: how many.
        changed: how many have another first class than in float.
        lost: how many are right in float and wrong in the plan; None without labels.
        gained: how many the other way round; None without labels.
    """

    photos: int
    changed: int
    lost: int | None = None
    gained: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return dict(vars(self))


def is_shown(outcome: Outcome, bound_points: float) -> bool:
    """Whether the photos show that a plan keeps a bound, in percentage points."""
    from scipy import stats  # costs each export most of a second, and few give a bound

    share = bound_points / 100
    if outcome.lost is None or outcome.gained is None:
        return float(stats.binom.cdf(outcome.changed, outcome.photos, share)) <= RISK
    if outcome.lost - outcome.gained >= share * outcome.photos:
        return False  # no better than the bound on these very photos
    return _chance(outcome.lost, outcome.gained, outcome.photos, share) <= RISK


def shown(outcomes: Iterable[Outcome], bound_points: float) -> list[Outcome]:
    """The outcomes before the first that is not shown; more are not asked for."""
    return list(takewhile(lambda outcome: is_shown(outcome, bound_points), outcomes))


def fewest_photos(bound_points: float) -> int:
    """How many photos can show a bound at least, if not one of them changes."""
    if bound_points >= 100:
        return 1
    return math.ceil(math.log(RISK) / math.log1p(-bound_points / 100))


def photos_needed(
    bound_points: float, changed_share: float, drop_share: float | None = None
) -> int | None:
    """About how many photos would show a bound where so many change; None: none up to 100,000.

    Args:
        bound_points: the bound.
        changed_share: share of photos whose first class changes, 0 to 1.
        drop_share: what top-1 loses by it, 0 to 1; None without labels.
    """
    kept = changed_share if drop_share is None else drop_share
    photos = fewest_photos(bound_points)
    while 100 * kept < bound_points and photos <= _MOST_ASKED:
        outcome = expected(photos, changed_share, drop_share)
        if _is_about_shown(outcome, bound_points):
            return photos
        photos = math.ceil(photos * 1.05)
    return None


def _is_about_shown(outcome: Outcome, bound_points: float) -> bool:
    """By Tango's own bound where there are labels: quick for any number of photos."""
    if outcome.lost is None or outcome.gained is None:
        return is_shown(outcome, bound_points)
    _, high = tango(outcome.lost, outcome.gained, outcome.photos, level=1 - 2 * RISK)
    return 100 * high <= bound_points


def expected(
    photos: int, changed_share: float, drop_share: float | None, times: float = 1.0
) -> Outcome:
    """The outcome that shares foretell; with `times` as many changes for a margin.

    Every change is taken for one between right and wrong, the worst that it can be.
    """
    changed = min(math.ceil(times * changed_share * photos), photos)
    if drop_share is None:
        return Outcome(photos, changed)
    net = math.ceil(times * drop_share * photos)
    lost = min((changed + net + 1) // 2, changed)
    return Outcome(photos, changed, lost, changed - lost)


def _chance(lost: int, gained: int, photos: int, drop: float) -> float:
    """The chance of an outcome as good by Tango's score, were the drop exactly that; 0 to 1.

    Of so many photos that change between right and wrong, the best score goes with the fewest lost,
    so a number `most` for each describes all outcomes as good.
    """
    from scipy import stats

    changing = np.arange(photos + 1)
    most = _most_lost(
        changing, _score(np.array(lost), np.array(gained), photos, drop), photos, drop
    )
    reach = np.geomspace(1e-3, 1.0, _SHARES - 1)
    worst = 0.0
    for share in (drop, *(drop + (1 - drop) * reach)):
        weights = stats.binom.pmf(changing, photos, share)
        near = weights > 1e-9
        below = stats.binom.cdf(most[near], changing[near], (share + drop) / (2 * share))
        worst = max(worst, float(weights[near] @ below))
    return worst


def _most_lost(
    changing: NDArray[np.int64], score: NDArray[np.float64], photos: int, drop: float
) -> NDArray[np.int64]:
    """The most lost among so many changing photos that score no worse; -1 where none does."""
    low, high = np.full_like(changing, -1), changing.copy()
    while (low < high).any():
        middle = (low + high + 1) // 2
        good = _score(middle, changing - middle, photos, drop) <= score + 1e-9
        low, high = np.where(good, middle, low), np.where(good, high, middle - 1)
    return low


def _score(
    lost: NDArray[np.int64], gained: NDArray[np.int64], photos: int, drop: float
) -> NDArray[np.float64]:
    """Tango's statistic (equation 5): the drop seen against `drop`, in standard deviations."""
    a = 2.0 * photos
    b = -lost - gained + (2 * photos - lost + gained) * drop
    c = -gained * drop * (1 - drop)
    second = (np.sqrt(np.maximum(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = photos * (2 * second + drop * (1 - drop))
    return np.asarray((lost - gained - photos * drop) / np.sqrt(np.maximum(variance, 1e-12)))
