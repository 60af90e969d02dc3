"""Warm-up ends when runs are steady; then the runs asked for are timed. On a clock of our own."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from edgeconv.errors import UsageError
from edgeconv.runtime import timing
from edgeconv.runtime.timing import TimingConfig, is_steady, measure
from edgeconv.runtime.turns import Turns

MS = 1_000_000


class FakeClock:
    """Time that passes only while the net runs."""

    def __init__(self, durations_ms: Iterator[float]) -> None:
        self.now_ns = 0
        self.durations = durations_ms

    def invoke(self) -> None:
        self.now_ns += int(next(self.durations) * MS)

    def perf_counter_ns(self) -> int:
        return self.now_ns

    def perf_counter(self) -> float:
        return self.now_ns / 1e9


def run(monkeypatch, durations_ms: Iterator[float], **config) -> timing.Timing:
    clock = FakeClock(durations_ms)
    monkeypatch.setattr(timing, "time", clock)
    return measure(clock.invoke, TimingConfig(**config))


def falling(steady_from: int) -> Iterator[float]:
    """A first inference of 100 ms, then ever faster runs, then 5 ms each."""
    yield 100
    for i in range(steady_from):
        yield 5 + 2 * (steady_from - i)
    while True:
        yield 5


def test_the_first_inference_stands_apart(monkeypatch):
    measured = run(monkeypatch, falling(0), runs=3)
    assert measured.first_ns == 100 * MS
    assert measured.samples_ns == (5 * MS,) * 3


def test_warm_up_lasts_until_two_windows_agree(monkeypatch):
    measured = run(monkeypatch, falling(20), runs=3, window=4, warmup_seconds=60)
    assert measured.steady
    assert 20 + 4 <= measured.warmup_runs <= 20 + 8
    assert set(measured.samples_ns) == {5 * MS}


def test_a_net_that_never_settles_is_measured_all_the_same_and_says_so(monkeypatch):
    def restless() -> Iterator[float]:
        while True:
            yield from (5, 9)

    measured = run(monkeypatch, restless(), runs=4, warmup_seconds=1)
    assert not measured.steady
    assert 1000 / 7 - 2 <= measured.warmup_runs <= 1000 / 7 + 2
    assert len(measured.samples_ns) == 4


def test_time_bounds_the_runs_but_never_below_the_least(monkeypatch):
    assert len(run(monkeypatch, falling(0), seconds=0.1).samples_ns) == 20
    assert len(run(monkeypatch, falling(0), seconds=0.01, least_runs=7).samples_ns) == 7
    assert len(run(monkeypatch, falling(0), seconds=9, most_runs=30).samples_ns) == 30


def in_turns(monkeypatch, ms: float, **config) -> tuple[timing.Timing, list[int]]:
    """Of runs of 5 ms after one of 100; and when each turn began, in ms of the runs' clock."""
    clock = FakeClock(falling(0))
    began: list[int] = []

    def await_next() -> None:
        began.append(clock.now_ns // MS)
        clock.now_ns += 1000 * MS  # the others run

    monkeypatch.setattr(timing, "time", clock)
    chosen = TimingConfig(warmup_seconds=0, **config)
    return measure(clock.invoke, chosen, Turns(ms, await_next)), began


def test_a_turn_is_a_run_thrown_away_and_then_timed_runs_for_its_length(monkeypatch):
    measured, began = in_turns(monkeypatch, 20, runs=10)
    assert measured.samples_ns == (5 * MS,) * 10
    assert began == [100, 100 + 1000 + 5 + 20, 100 + 2 * (1000 + 5 + 20)]


def test_a_turn_has_a_run_however_short_it_is(monkeypatch):
    measured, began = in_turns(monkeypatch, 0.001, runs=3)
    assert (len(measured.samples_ns), len(began)) == (3, 3)


def test_waiting_and_thrown_away_runs_do_not_count_as_time(monkeypatch):
    assert len(in_turns(monkeypatch, 20, seconds=0.1)[0].samples_ns) == 20
    assert len(in_turns(monkeypatch, 20, seconds=0.01, least_runs=7)[0].samples_ns) == 7
    assert len(in_turns(monkeypatch, 20, seconds=9, most_runs=30)[0].samples_ns) == 30


def test_a_drifting_window_is_not_steady():
    config = TimingConfig(window=4)
    assert is_steady([100, 100, 101, 100, 100, 101, 100, 100], config)
    assert not is_steady([110, 110, 110, 110, 100, 100, 100, 100], config)
    assert not is_steady([100, 100, 100, 100, 90, 110, 90, 110], config)
    assert not is_steady([100] * 7, config)


def test_the_garbage_collector_is_off_while_timing_and_back_afterwards():
    seen = []
    measure(lambda: seen.append(gc.isenabled()), TimingConfig(runs=2, warmup_seconds=0))
    assert not any(seen)
    assert gc.isenabled()


@pytest.mark.parametrize(
    "wrong", [{"runs": 0}, {"seconds": 0}, {"seconds": 1e9}, {"window": 1}, {"least_runs": 0}]
)
def test_timings_that_cannot_be_are_wrong_usage(wrong):
    with pytest.raises(UsageError):
        TimingConfig(**wrong)
