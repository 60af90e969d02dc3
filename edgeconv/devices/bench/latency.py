"""Latency statistics over several processes.

Runs of one process share its memory layout and its moment, so they agree with each other more than
with the next process: the interval comes from a bootstrap in two levels, processes first, then runs
within each (Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013, section 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UsageError

Verdict = Literal["steady", "too noisy", "too few runs", "too few processes"]

#: An interval of the median wider than this share of the median is called too noisy: differences
#: under about 5 % cannot be told with it.
NOISY_SHARE = 0.05
#: Runs in all, and processes, below which agreement is no evidence: there is no interval.
LEAST_RUNS, LEAST_PROCESSES = 10, 3

_RESAMPLES = 1000
#: Runs of a process that enter the bootstrap, evenly spaced quantiles of all; fewer runs make the
#: interval wider, never narrower.
_RUNS_IN_BOOTSTRAP = 500


@dataclass(frozen=True)
class LatencyStats:
    """Summary of the timed runs of all processes, in milliseconds.

    Attributes:
        runs: timed runs in all.
        processes: fresh processes they come from.
        min_ms, mean_ms, std_ms, p50_ms, p90_ms, p99_ms: of all runs together.
        low_ms, high_ms: 95 % bootstrap interval of the median; None where runs or processes are too
            few for one.
        spread: (p90 - p10) / median of all runs.
        verdict: "too few runs" below LEAST_RUNS, "too few processes" below LEAST_PROCESSES, and
            "too noisy" where the interval is wider than NOISY_SHARE of the median.
    """

    runs: int
    processes: int
    min_ms: float
    mean_ms: float
    std_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    low_ms: float | None
    high_ms: float | None
    spread: float
    verdict: Verdict


def summarize(samples_ns: Sequence[Sequence[int]], *, seed: int = 0) -> LatencyStats:
    """Statistics of timed runs, one sequence of nanoseconds for each process.

    Raises:
        UsageError: no process, or one without a run.
    """
    if not samples_ns or not all(len(samples) for samples in samples_ns):
        raise UsageError("latency statistics need at least one timed run of each process")
    by_process = [np.asarray(samples, np.float64) / 1e6 for samples in samples_ns]
    every = np.concatenate(by_process)
    p10, p50, p90, p99 = (float(p) for p in np.percentile(every, [10, 50, 90, 99]))
    verdict, low, high = _judged(by_process, p50, seed)
    return LatencyStats(
        runs=len(every),
        processes=len(by_process),
        min_ms=float(every.min()),
        mean_ms=float(every.mean()),
        std_ms=float(every.std(ddof=1)) if len(every) > 1 else 0.0,
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        low_ms=low,
        high_ms=high,
        spread=(p90 - p10) / p50 if p50 else 0.0,
        verdict=verdict,
    )


def _judged(
    by_process: Sequence[NDArray[np.float64]], p50: float, seed: int
) -> tuple[Verdict, float | None, float | None]:
    """The verdict and the interval it rests on."""
    if sum(len(runs) for runs in by_process) < LEAST_RUNS:
        return "too few runs", None, None
    if len(by_process) < LEAST_PROCESSES:
        return "too few processes", None, None
    low, high = median_interval(by_process, seed=seed)
    return "too noisy" if high - low > NOISY_SHARE * p50 else "steady", low, high


def median_interval(
    by_process: Sequence[NDArray[np.float64]], *, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Two-level percentile bootstrap interval of the median of the processes' medians."""
    random = np.random.default_rng(seed)
    count = len(by_process)
    medians = np.stack([_resampled_medians(runs, random) for runs in by_process])
    picked = random.integers(0, count, size=(_RESAMPLES, count))
    statistic = np.median(medians[picked, np.arange(_RESAMPLES)[:, None]], axis=1)
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(statistic, [tail, 100 - tail])
    return float(low), float(high)


def _resampled_medians(
    runs: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Medians of one process's runs drawn with replacement, one for each resample."""
    if len(runs) > _RUNS_IN_BOOTSTRAP:
        runs = np.quantile(runs, np.linspace(0, 1, _RUNS_IN_BOOTSTRAP))
    drawn = random.integers(0, len(runs), size=(_RESAMPLES, len(runs)))
    medians: NDArray[np.float64] = np.median(runs[drawn], axis=1)
    return medians
