"""Whether one measurement is faster than another, by what chance alone would do.

A process's runs share its memory layout and its moment, so a process counts once, by its median.
Were both sides the same, any process could as well belong to the other side: an exact permutation
test over the processes, with the difference of their mean logarithms, says how often chance alone
would be as far apart. It is called a difference at the 1 % level. Where both sides were measured in
one run and there are processes enough, they are compared in pairs, the k-th process of the one with
the k-th of the other: these ran one right after the other, or side by side, so that what the device
did meanwhile cancels.

With five processes a side the smallest possible p is 2 / 252, which just reaches that level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from edgeconv.errors import UsageError

Verdict = Literal["faster", "slower", "no difference", "too noisy"]

#: A difference that chance alone makes less often than this is called one.
LEVEL = 0.01
#: Without a difference: an interval that reaches further than this from equal says nothing.
NOISY = 0.05
#: Pairs from which the sign test of pairs can reach LEVEL: 2 / 2^8.
LEAST_PAIRS = 8
#: Instruction counts of one file repeat to this.
COUNT_REPEATS = 0.005
#: Fewer processes can never reach LEVEL.
LEAST_PROCESSES = 5

_RESAMPLES = 9999


@dataclass(frozen=True)
class Comparison:
    """B against A.

    Attributes:
        ratio: B's time over A's; of the geometric means of the processes' medians.
        low, high: 99 % bootstrap interval of it, over processes.
        p_value: how often chance alone is as far apart; None for instruction counts.
        paired: whether processes were compared in pairs.
        verdict: in words of B.
    """

    ratio: float
    low: float
    high: float
    p_value: float | None
    paired: bool
    verdict: Verdict

    @property
    def percent(self) -> float:
        """By how much B takes longer, in percent."""
        return 100 * (self.ratio - 1)

    def is_regression(self, above_percent: float) -> bool:
        """Whether B is slower, not by chance, and by more than so many percent."""
        return self.verdict == "slower" and self.percent > above_percent


def compare_times(
    a: Sequence[float], b: Sequence[float], *, together: bool, seed: int = 0
) -> Comparison:
    """Compares two measurements by the medians of their processes.

    Args:
        a, b: median of each process, in one unit, in the order they ran.
        together: whether both were measured in one run.
        seed: of the bootstrap and of a permutation test too large to be exact.

    Raises:
        UsageError: a side has no process, or a median that is no time.
    """
    for side in (a, b):
        if not side or not all(math.isfinite(t) and t > 0 for t in side):
            raise UsageError("a comparison needs processes on both sides, each with a median time")
    logs_a, logs_b = np.log(np.asarray(a)), np.log(np.asarray(b))
    paired = together and len(a) == len(b) >= LEAST_PAIRS
    p_value = _p_value(logs_a, logs_b, paired, seed)
    low, high = _interval(logs_a, logs_b, paired, seed)
    ratio = math.exp(float(logs_b.mean() - logs_a.mean()))
    return Comparison(ratio, low, high, p_value, paired, _verdict(ratio, low, high, p_value))


def compare_counts(a: Sequence[int], b: Sequence[int]) -> Comparison:
    """Compares instruction counts, which repeat to COUNT_REPEATS.

    Raises:
        UsageError: a side has no count.
    """
    if not a or not b or min(*a, *b) <= 0:
        raise UsageError("a comparison needs instruction counts on both sides")
    ratio = float(np.median(b) / np.median(a))
    verdict: Verdict = "no difference"
    if abs(ratio - 1) > COUNT_REPEATS:
        verdict = "slower" if ratio > 1 else "faster"
    low, high = min(b) / max(a), max(b) / min(a)
    return Comparison(ratio, low, high, None, False, verdict)


def _verdict(ratio: float, low: float, high: float, p_value: float) -> Verdict:
    if p_value < LEVEL:
        return "slower" if ratio > 1 else "faster"
    return "too noisy" if low < 1 - NOISY or high > 1 + NOISY else "no difference"


def _p_value(a: NDArray[np.float64], b: NDArray[np.float64], paired: bool, seed: int) -> float:
    if min(len(a), len(b)) < 2 or np.array_equal(a, b):
        return 1.0
    result: Any = stats.permutation_test(
        (a, b),
        _difference,
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        n_resamples=_RESAMPLES,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _difference(a: NDArray[Any], b: NDArray[Any], axis: int) -> Any:
    return np.mean(a, axis=axis) - np.mean(b, axis=axis)


def _interval(
    a: NDArray[np.float64], b: NDArray[np.float64], paired: bool, seed: int
) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    chosen_a = random.integers(0, len(a), (_RESAMPLES, len(a)))
    chosen_b = chosen_a if paired else random.integers(0, len(b), (_RESAMPLES, len(b)))
    ratios = b[chosen_b].mean(axis=1) - a[chosen_a].mean(axis=1)
    low, high = np.exp(np.percentile(ratios, [100 * LEVEL / 2, 100 * (1 - LEVEL / 2)]))
    return float(low), float(high)
