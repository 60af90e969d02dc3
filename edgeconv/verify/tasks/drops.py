"""What photos show of a bound on a task's loss: "int8 loses at most so much", with 95 % confidence.

    shares of photos or pairs   exact, as of classes (`accuracy.promise`)
    all other figures           the bootstrap over photos, one-sided, by scipy.stats

The bootstrap resamples photos in pairs, float and file the same ones. Its bound is the higher of
two, the bias-corrected, accelerated percentile and the plain one, and what one photo more like the
worst would add: each alone is too low where few photos lose much. What no photo showed no resample
shows, so there must be as many photos as a loss of everything on too many of them would hardly have
been missed by; of figures that have no worst value, as many as one photo in twenty would hardly
have been missed by.

Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and 14.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeconv.verify.accuracy.losses import CountedLoss, LossUnit, Shown, counted
from edgeconv.verify.accuracy.promise import RISK, fewest_photos
from edgeconv.verify.tasks.resampling import Statistic, Sums

#: (resamples, photos) of how often each photo counts, to (resamples,) of what is lost.
OfWeights = Callable[[NDArray[np.float64]], NDArray[np.float64]]

#: A bound in points above this asks for no fewer photos.
_RAREST_POINTS = 5.0
_RESAMPLES = 2000
#: Photos up to which the acceleration matters, which takes one more resample for each of them.
_ACCELERATED = 1000
_HELD = 2**20
_MOST_ASKED = 1_000_000


@dataclass(frozen=True, eq=False)
class Loss:
    """How much a figure of a file is worse than float's, as a function of the photos.

    Attributes:
        of: what is lost, such as "mean IoU lost".
        unit: of it.
        photos: how many there are.
        of_weights: what is lost of photos that count so often; worse is more.
    """

    of: str
    unit: LossUnit
    photos: int
    of_weights: OfWeights


def loss_of_sums(*, of: str, unit: LossUnit, worse: Statistic, sums: Sums, exact: Sums) -> Loss:
    """Of a figure of sums over photos.

    Args:
        of: what is lost.
        unit: of it.
        worse: the figure, in that unit, turned round where more of it is better.
        sums: (photos, columns) of the file; not finite where it gave NaN, which loses everything.
        exact: float's.
    """
    is_finite = bool(np.isfinite(sums).all())

    def of_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        if not is_finite:
            return np.full(len(weights), np.inf)
        return worse(weights @ sums) - worse(weights @ exact)

    return Loss(of, unit, len(sums), of_weights)


def worst_of(losses: Sequence[Loss]) -> Loss:
    """The greatest of several of the same photos."""
    first = losses[0]

    def of_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        every = [loss.of_weights(weights) for loss in losses]
        return np.asarray(np.fmax.reduce(every))

    return Loss(first.of, first.unit, first.photos, of_weights)


def fewest_to_show(unit: LossUnit, bound: float) -> int:
    """How many photos can show a bound at least."""
    return fewest_photos(min(bound, _RAREST_POINTS) if unit == "points" else _RAREST_POINTS)


def shown(loss: Loss | CountedLoss, bound: float) -> Shown:
    """Judges a bound.

    Args:
        loss: what was lost.
        bound: in its unit.
    """
    if isinstance(loss, CountedLoss):
        return counted(loss, bound)
    lost, at_most = bootstrapped(loss)
    fewest = fewest_to_show(loss.unit, bound)
    holds = loss.photos >= fewest and at_most <= bound
    needed = loss.photos if holds else _needed(loss.photos, lost, at_most, bound, fewest)
    return Shown(loss.of, loss.unit, bound, lost, at_most, loss.photos, fewest, needed, shown=holds)


def bootstrapped(loss: Loss) -> tuple[float, float]:
    """What is lost, and its one-sided 95 % bound; infinite where photos do not give one."""
    from scipy import stats  # costs most of a second, and few ask for a bound

    count = loss.photos
    lost = float(loss.of_weights(np.ones((1, count)))[0])
    if count < 2 or not math.isfinite(lost):
        return lost, math.inf

    def statistic(drawn: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        assert axis == -1
        rows = np.atleast_2d(drawn)
        found = loss.of_weights(_weights(rows, count))
        return found if drawn.ndim > 1 else found[0]

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # where all resamples are equal it gives no interval
        result = stats.bootstrap(
            (np.arange(count),),
            statistic,
            n_resamples=_RESAMPLES,
            batch=max(1, _HELD // count),
            vectorized=True,
            confidence_level=1 - RISK,
            alternative="less",
            method="BCa" if count <= _ACCELERATED else "percentile",
            random_state=np.random.default_rng(0),
        )
    figures = result.bootstrap_distribution
    known = figures[~np.isnan(figures)]
    if len(known) < (1 - RISK) * len(figures):
        return lost, math.inf
    plain = float(np.quantile(known, 1 - RISK, method="higher"))
    accelerated = float(result.confidence_interval.high)
    high = plain if math.isnan(accelerated) else max(plain, accelerated)
    return lost, high + max(_with_the_worst_again(loss) - lost, 0.0)


def _with_the_worst_again(loss: Loss) -> float:
    """What is lost with one photo more, like the one that then loses most.

    Of many photos it makes no difference, and takes a run for each of them.
    """
    count = loss.photos
    if count > _ACCELERATED:
        return -math.inf
    rows = max(1, _HELD // count)
    parts = (np.eye(min(rows, count - at), count, at) for at in range(0, count, rows))
    return max(float(np.nanmax(loss.of_weights(1 + part))) for part in parts)


def _weights(drawn: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """(resamples, photos) of how often each is drawn, from which ones are."""
    rows = len(drawn)
    flat = (drawn + count * np.arange(rows)[:, None]).reshape(-1)
    return np.bincount(flat, minlength=rows * count).reshape(rows, count).astype(np.float64)


def _needed(photos: int, lost: float, at_most: float, bound: float, fewest: int) -> int | None:
    """The distance of the bound shrinks as the root of the number of photos."""
    if not lost < bound or not math.isfinite(at_most):
        return None
    times = ((at_most - lost) / (bound - lost)) ** 2
    needed = math.ceil(photos * max(times, 1.0))
    return max(needed, fewest) if needed <= _MOST_ASKED else None
