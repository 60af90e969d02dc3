"""Latency statistics: known cases, and an interval that means what it says."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.devices.bench.latency import NOISY_SHARE, median_interval, summarize
from edgeconv.errors import UsageError

MS = 1_000_000


def test_figures_of_a_case_done_by_hand():
    stats = summarize([[1 * MS, 2 * MS, 3 * MS], [4 * MS, 5 * MS]])
    assert (stats.runs, stats.processes) == (5, 2)
    assert (stats.min_ms, stats.mean_ms, stats.p50_ms) == (1, 3, 3)
    assert stats.std_ms == pytest.approx(np.std([1, 2, 3, 4, 5], ddof=1))
    assert stats.p99_ms == pytest.approx(np.percentile([1, 2, 3, 4, 5], 99))


def test_processes_that_agree_are_steady():
    random = np.random.default_rng(0)
    runs = [list((10 * MS * random.normal(1, 0.01, 200)).astype(int)) for _ in range(5)]
    stats = summarize(runs)
    assert stats.verdict == "steady"
    assert stats.high_ms - stats.low_ms < 0.01 * stats.p50_ms


def test_processes_that_disagree_are_too_noisy_however_many_runs_each_has():
    random = np.random.default_rng(0)
    runs = [
        list((level * MS * random.normal(1, 0.001, 2000)).astype(int)) for level in (10, 11, 12)
    ]
    stats = summarize(runs)
    assert stats.verdict == "too noisy"
    assert stats.high_ms - stats.low_ms > NOISY_SHARE * stats.p50_ms


def test_the_interval_covers_the_true_median_about_as_often_as_it_says():
    """95 % nominal; a percentile bootstrap over five processes is known to be a little short."""
    random = np.random.default_rng(42)
    covered = 0
    for trial in range(100):
        levels = random.normal(10, 0.2, 5)
        runs = [random.normal(level, 0.1, 50) for level in levels]
        low, high = median_interval(runs, seed=trial)
        covered += low <= 10 <= high
    assert covered >= 80


def test_the_same_seed_gives_the_same_interval():
    runs = [[1 * MS, 2 * MS, 9 * MS, 7 * MS], [3 * MS, 4 * MS, 5 * MS], [3 * MS, 8 * MS, 6 * MS]]
    assert summarize(runs, seed=3) == summarize(runs, seed=3)


def test_one_run_of_one_process_is_summarized():
    stats = summarize([[5 * MS]])
    assert (stats.p50_ms, stats.std_ms) == (5, 0)


@pytest.mark.parametrize(
    ("runs", "processes", "verdict"),
    [
        (1, 1, "too few runs"),
        (3, 3, "too few runs"),
        (1000, 2, "too few processes"),
        (4, 3, "steady"),
    ],
)
def test_a_few_runs_that_agree_are_no_evidence_and_have_no_interval(runs, processes, verdict):
    stats = summarize([[5 * MS] * runs] * processes)
    assert stats.verdict == verdict
    assert (stats.low_ms, stats.high_ms) == ((5, 5) if verdict == "steady" else (None, None))


@pytest.mark.parametrize("nothing", [[], [[]], [[1], []]])
def test_no_runs_are_wrong_usage(nothing):
    with pytest.raises(UsageError):
        summarize(nothing)
