"""How the figures of a row changed since a report of before, and whether by chance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from edgeconv.summary.row import Accuracy, Latency, Row
from edgeconv.verify.tasks.figures import Estimate

#: Processes on each side without which a latency tells nothing of chance.
_LEAST_PROCESSES = 3
#: Deviations of a normal figure on either side of it in a two-sided 95 % interval.
_DEVIATIONS = float(stats.norm.ppf(0.975))


@dataclass(frozen=True)
class Allowed:
    """How much worse a row may be; None: is not compared.

    Attributes:
        slower_percent: of its median latency, its instructions, and its size.
        points: of accuracy or, without labels, of agreement with float.
    """

    slower_percent: float | None
    points: float | None


@dataclass(frozen=True)
class Compared:
    """A figure of a row, before and now.

    Attributes:
        row: its title.
        figure: what it is of.
        before, now: the figure, in words.
        change: in percent, or in points; a loss is positive.
        p_value: of a change as large where the row is no worse than allowed; None of figures that
            do not scatter.
        is_worse: whether it is, beyond chance, for as many comparisons as there are.
    """

    row: str
    figure: str
    before: str
    now: str
    change: float
    p_value: float | None
    is_worse: bool = False


@dataclass(frozen=True)
class Unsure:
    """A figure of a row that tells nothing of a change, and why."""

    row: str
    why: str


#: What became of one figure.
Change = Compared | Unsure


def changes(old: Row, new: Row, allowed: Allowed) -> Iterator[Change]:
    """What became of each figure that the old row has and that is asked for."""
    for one in _changes(old, new, allowed):
        if isinstance(one, Compared) and one.p_value is not None and math.isnan(one.p_value):
            yield Unsure(new.title, f"{one.figure} is an impossible number")
        else:
            yield one


def _changes(old: Row, new: Row, allowed: Allowed) -> Iterator[Change]:
    title = new.title
    if old.file.parity == "passed" and new.file.parity != "passed":
        if new.file.parity == "failed":
            yield Compared(title, "parity", "passed", "failed", math.nan, None, is_worse=True)
        else:
            yield Unsure(title, "parity passed and is not judged now")
    if allowed.slower_percent is not None:
        yield from _larger(title, old.file.size_bytes, new.file.size_bytes, allowed.slower_percent)
        if old.latency and new.latency:
            yield from _slower(title, old.latency, new.latency, allowed.slower_percent)
    if allowed.points is not None and old.accuracy:
        yield from _less_right(title, old.accuracy, new.accuracy, allowed.points)


def _larger(title: str, old: int | None, new: int | None, percent: float) -> Iterator[Change]:
    if old is not None and new is not None:
        yield _counted(title, "size", "bytes", old, new, percent)


def _counted(title: str, figure: str, unit: str, old: int, new: int, percent: float) -> Compared:
    """Of a count, which does not scatter."""
    change = 100 * (new / max(old, 1) - 1)
    told = (f"{old:,} {unit}", f"{new:,}")
    return Compared(title, figure, *told, change, None, is_worse=change > percent)


def _slower(title: str, old: Latency, new: Latency, percent: float) -> Iterator[Change]:
    """Of processes' medians by Welch's test of their logarithms.

    `edgeconv compare` permutes five processes on each side, which gives no chance below 1 in 252:
    too coarse for what is left of the level among many rows.
    """
    if old.instructions is not None and new.instructions is not None:
        counts = (old.instructions, new.instructions)
        yield _counted(title, "instructions", "instructions", *counts, percent)
        return
    if old.p50_ms is None or new.p50_ms is None:
        return
    if min(len(old.medians_ms), len(new.medians_ms)) < _LEAST_PROCESSES:
        yield Unsure(title, f"latency is of fewer than {_LEAST_PROCESSES} processes")
        return
    if old.is_noisy or new.is_noisy:
        yield Unsure(title, "latency is too noisy")
        return
    allowed = math.log1p(percent / 100)
    one, other = np.log(old.medians_ms) + allowed, np.log(new.medians_ms)
    excess = float(other.mean() - one.mean())
    scatters = max(np.ptp(one), np.ptp(other)) > 0
    p_value = (
        float(stats.ttest_ind(other, one, equal_var=False, alternative="greater").pvalue)
        if scatters
        else float(excess <= 0)
    )
    told = (f"{old.p50_ms.value:.3g} ms", f"{new.p50_ms.value:.3g} ms")
    yield Compared(title, "latency", *told, 100 * math.expm1(excess + allowed), p_value)


def _less_right(title: str, old: Accuracy, new: Accuracy | None, points: float) -> Iterator[Change]:
    """Of the figure itself, which falls where float falls too, and of what is lost to float, which
    chance moves less: what both have right, or wrong, alike with float is most.
    """
    figure = old.figure
    if new is None:
        yield Unsure(title, f"{figure} is not told any more")
    elif (old.photos, old.task, figure) != (new.photos, new.task, new.figure):
        yield Unsure(title, f"{figure} was measured on other photos, or in another task")
    elif old.unit != "share" or new.unit != "share":
        yield Unsure(title, f"{figure} is no share, of which points would be lost")
    else:
        told = (f"{100 * old.value.value:.2f} %", f"{100 * new.value.value:.2f} %")
        falls = [_negative(one.value) for one in (old, new)]
        yield _fallen(title, figure, told, (falls[0], falls[1]), points)
        one, other = _lost(old), _lost(new)
        if one is not None and other is not None:
            told = (f"{one.value:.2f} points below float", f"{other.value:.2f} points below float")
            yield _fallen(title, f"{figure} lost to float", told, (one, other), points)


def _fallen(
    title: str,
    figure: str,
    told: tuple[str, str],
    losses: tuple[Estimate, Estimate],
    points: float,
) -> Change:
    """Two losses as if of photos of their own: of the same ones, their difference scatters less."""
    change = losses[1].value - losses[0].value
    deviations = [_deviation(one) for one in losses]
    if None in deviations:
        return Unsure(title, f"{figure} has no interval")
    deviation = math.hypot(*(one or 0.0 for one in deviations))
    p_value = (
        float(stats.norm.sf((change - points) / deviation))
        if deviation > 0
        else float(change <= points)
    )
    return Compared(title, figure, *told, change, p_value)


def _deviation(of: Estimate) -> float | None:
    """The standard one, by the wider side of its interval."""
    if of.low is None or of.high is None:
        return None
    return max(of.high - of.value, of.value - of.low, 0.0) / _DEVIATIONS


def _negative(share: Estimate) -> Estimate:
    """A share as a loss in points."""
    low, high = (None if end is None else -100 * end for end in (share.high, share.low))
    return Estimate(-100 * share.value, low, high)


def _lost(accuracy: Accuracy) -> Estimate | None:
    """Points lost to float on the same photos, by their counts; of other tasks as it is told."""
    total = accuracy.photos
    if accuracy.lost is None or accuracy.gained is None or not total:
        return accuracy.drop
    points = 100 * (accuracy.lost - accuracy.gained) / total
    # Half a photo more on either side: none was seen is not never.
    half = 100 * _DEVIATIONS * math.sqrt(accuracy.lost + accuracy.gained + 1) / total
    return Estimate(points, points - half, points + half)
