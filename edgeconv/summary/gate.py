"""Did any row get worse than in a report of before, or is it chance?

Every comparison gives a p-value: how often a change as large would be seen if the row were worse by
no more than what is allowed. They are corrected for their number by Holm's method (S. Holm,
Scandinavian Journal of Statistics 6 (1979) 65-70; SciPy has none), so that a report in which
nothing changed fails in one case of twenty at most, however many rows it has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from edgeconv.summary.row import Accuracy, Collection, Latency, Row

#: How often a report in which nothing got worse may fail.
_LEVEL = 0.05
#: Processes on each side without which a latency tells nothing of chance.
_LEAST_PROCESSES = 3


@dataclass(frozen=True)
class Allowed:
    """How much worse a row may be; None: is not compared.

    Attributes:
        slower_percent: of its median latency, or its instructions.
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
        p_value: of a change as large where the row is no worse than allowed.
        is_worse: whether it is, beyond chance, for as many comparisons as there are.
    """

    row: str
    figure: str
    before: str
    now: str
    change: float
    p_value: float
    is_worse: bool = False


@dataclass(frozen=True)
class Verdict:
    """A report against one of before.

    Attributes:
        compared: what was, the least likely first.
        unsure: rows whose figures tell nothing, and why.
        gone: rows that only the report of before has.
        new: rows that it has not.
    """

    compared: tuple[Compared, ...]
    unsure: tuple[str, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def worse(self) -> tuple[Compared, ...]:
        """What got worse."""
        return tuple(one for one in self.compared if one.is_worse)


def judge(before: Collection, now: Collection, allowed: Allowed) -> Verdict:
    """Compares the rows that both have; see the module."""
    old, new = ({row.key: row for row in each.rows} for each in (before, now))
    unsure: list[str] = []
    found = [
        one for key in old if key in new for one in _compared(old[key], new[key], allowed, unsure)
    ]
    found.sort(key=lambda one: one.p_value)
    return Verdict(
        tuple(_corrected(found)),
        tuple(unsure),
        tuple(old[key].title for key in old if key not in new),
        tuple(new[key].title for key in new if key not in old),
    )


def _corrected(found: Sequence[Compared]) -> Iterator[Compared]:
    """Holm's: the least p-value against the level over all, the next over one less, and so on."""
    holds = True
    for place, one in enumerate(found):
        holds = holds and one.p_value <= _LEVEL / (len(found) - place)
        yield Compared(**{**vars(one), "is_worse": holds})


def _compared(old: Row, new: Row, allowed: Allowed, unsure: list[str]) -> Iterator[Compared]:
    if old.file.parity == "passed" and new.file.parity == "failed":
        yield Compared(new.title, "parity", "passed", "failed", math.nan, 0.0)
    if allowed.slower_percent is not None and old.latency and new.latency:
        yield from _slower(new.title, old.latency, new.latency, allowed.slower_percent, unsure)
    if allowed.points is not None and old.accuracy and new.accuracy:
        yield from _less_right(new.title, old.accuracy, new.accuracy, allowed.points, unsure)


def _slower(
    title: str, old: Latency, new: Latency, percent: float, unsure: list[str]
) -> Iterator[Compared]:
    """Of processes' medians by Welch's test of their logarithms; instructions do not scatter."""
    allowed = 1 + percent / 100
    if old.instructions is not None and new.instructions is not None:
        ratio = new.instructions / max(old.instructions, 1)
        told = (f"{old.instructions:,} instructions", f"{new.instructions:,}")
        yield Compared(
            title, "instructions", *told, 100 * (ratio - 1), 0.0 if ratio > allowed else 1.0
        )
        return
    if old.p50_ms is None or new.p50_ms is None:
        return
    few = min(len(old.medians_ms), len(new.medians_ms)) < _LEAST_PROCESSES
    if few or old.is_noisy or new.is_noisy:
        why = f"fewer than {_LEAST_PROCESSES} processes" if few else "too noisy"
        unsure.append(f"{title}: latency is of {why}" if few else f"{title}: latency is {why}")
        return
    one, other = np.log(old.medians_ms) + math.log(allowed), np.log(new.medians_ms)
    ratio = math.exp(float(other.mean() - one.mean())) * allowed
    scatters = max(np.ptp(one), np.ptp(other)) > 0
    p_value = (
        float(stats.ttest_ind(other, one, equal_var=False, alternative="greater").pvalue)
        if scatters
        else float(ratio <= allowed)
    )
    told = (f"{old.p50_ms.value:.3g} ms", f"{new.p50_ms.value:.3g} ms")
    yield Compared(title, "latency", *told, 100 * (ratio - 1), p_value)


@dataclass(frozen=True)
class _Lost:
    """Photos of a file against float: how many it lost, gained, of how many."""

    lost: int
    gained: int
    total: int

    @property
    def points(self) -> float:
        return 100 * (self.lost - self.gained) / self.total

    @property
    def variance(self) -> float:
        """Of the share, with half a photo more on either side: none was seen is not never."""
        return (self.lost + self.gained + 1) / self.total**2


def _less_right(
    title: str, old: Accuracy, new: Accuracy, points: float, unsure: list[str]
) -> Iterator[Compared]:
    """Of what either file loses to float on the same photos: what both have right, or wrong, alike
    with float tells nothing of the change, and is most.
    """
    figure = _figure(old)
    one, other = _lost(old), _lost(new)
    if one is None or other is None:
        return
    if (old.photos, old.task, figure) != (new.photos, new.task, _figure(new)):
        unsure.append(f"{title}: {figure} was measured on other photos, or in another task")
        return
    change = other.points - one.points
    deviation = 100 * math.sqrt(one.variance + other.variance)
    p_value = float(stats.norm.sf((change - points) / deviation))
    told = tuple(f"{lost.points:.2f} points below float" for lost in (one, other))
    yield Compared(title, figure, told[0], told[1], change, p_value)


def _figure(accuracy: Accuracy) -> str:
    return "agreement" if accuracy.lost is None else accuracy.figure


def _lost(accuracy: Accuracy) -> _Lost | None:
    total = accuracy.photos
    if not total:
        return None
    if accuracy.lost is not None and accuracy.gained is not None:
        return _Lost(accuracy.lost, accuracy.gained, total)
    if accuracy.agreement is None:
        return None
    return _Lost(round(total * (1 - accuracy.agreement.value)), 0, total)
