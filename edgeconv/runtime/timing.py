"""Times a model's inference: the first apart, a warm-up until steady, then the samples."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgeconv.errors import UsageError
from edgeconv.runtime.turns import Turns

#: Samples a process keeps and sends at most.
MOST_RUNS = 1_000_000


@dataclass(frozen=True)
class TimingConfig:
    """How long to warm up and to measure, in one process.

    Attributes:
        runs: number of timed runs; None measures for `seconds` instead.
        seconds: how long to measure where `runs` is None; at least `least_runs` all the same.
        least_runs: timed runs a slow net gets even past `seconds`.
        most_runs: where timed runs end however fast the net, where `runs` is None.
        window: runs in the warm-up's sliding window.
        window_spread: steady when (p90 - p10) / median of the window is at most this ...
        window_drift: ... and its median differs from that of the window before by at most this.
        warmup_seconds: where the warm-up ends in any case.
    """

    runs: int | None = None
    seconds: float = 0.5
    least_runs: int = 10
    most_runs: int = 10_000
    window: int = 8
    window_spread: float = 0.05
    window_drift: float = 0.02
    warmup_seconds: float = 2.0

    def __post_init__(self) -> None:
        if self.runs is not None and not 1 <= self.runs <= MOST_RUNS:
            raise UsageError(f"timed runs must be 1 to {MOST_RUNS}, not {self.runs}")
        if not 0 < self.seconds <= 3600 or not 0 <= self.warmup_seconds <= 3600:
            raise UsageError("seconds to measure and to warm up must lie between 0 and 3600")
        if self.window < 2 or self.least_runs < 1 or self.most_runs < self.least_runs:
            raise UsageError("the warm-up window takes at least 2 runs, the timing at least 1")


@dataclass(frozen=True)
class Timing:
    """What was measured in one process.

    Attributes:
        first_ns: the first inference after loading.
        warmup_runs: further runs that were thrown away.
        steady: whether the warm-up ended because the runs had become steady.
        samples_ns: every timed run in order.
    """

    first_ns: int
    warmup_runs: int
    steady: bool
    samples_ns: tuple[int, ...]


def measure(invoke: Callable[[], None], config: TimingConfig, turns: Turns | None = None) -> Timing:
    """Times `invoke`, with Python's garbage collector off so that no sample pays for it.

    Args:
        invoke: runs once.
        config: how long.
        turns: with other processes, for the timed runs alone; None has the machine to itself.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        first_ns = _timed(invoke)
        warmup, steady = _warm_up(invoke, config)
        samples = _sample(invoke, config) if turns is None else _in_turns(invoke, config, turns)
        return Timing(first_ns, warmup, steady, tuple(samples))
    finally:
        if collecting:
            gc.enable()


def is_steady(durations: Sequence[int], config: TimingConfig) -> bool:
    """Whether the last window is tight and lies where the window before it lay."""
    if len(durations) < 2 * config.window:
        return False
    before = np.asarray(durations[-2 * config.window : -config.window], np.float64)
    last = np.asarray(durations[-config.window :], np.float64)
    low, middle, high = np.percentile(last, [10, 50, 90])
    drift = abs(middle - np.median(before))
    return bool(
        high - low <= config.window_spread * middle and drift <= config.window_drift * middle
    )


def _warm_up(invoke: Callable[[], None], config: TimingConfig) -> tuple[int, bool]:
    deadline = time.perf_counter() + config.warmup_seconds
    durations: list[int] = []
    runs = 0
    while time.perf_counter() < deadline:
        durations.append(_timed(invoke))
        del durations[: -2 * config.window]
        runs += 1
        if is_steady(durations, config):
            return runs, True
    return runs, False


def _sample(invoke: Callable[[], None], config: TimingConfig) -> list[int]:
    if config.runs is not None:
        return [_timed(invoke) for _ in range(config.runs)]
    deadline = time.perf_counter() + config.seconds
    samples: list[int] = []
    while len(samples) < config.most_runs and (
        len(samples) < config.least_runs or time.perf_counter() < deadline
    ):
        samples.append(_timed(invoke))
    return samples


def _in_turns(invoke: Callable[[], None], config: TimingConfig, turns: Turns) -> list[int]:
    """Timed runs, a few in each turn; `seconds` are those of the runs, not of the waiting."""
    samples: list[int] = []
    taken_ns = 0
    while _wants_more(len(samples), taken_ns, config):
        turns.await_next()
        invoke()  # thrown away: another process had the caches, and worker threads were asleep
        turn_ends_ns = taken_ns + 1e6 * turns.ms
        while taken_ns < turn_ends_ns and _wants_more(len(samples), taken_ns, config):
            samples.append(_timed(invoke))
            taken_ns += samples[-1]
    return samples


def _wants_more(runs: int, taken_ns: int, config: TimingConfig) -> bool:
    if config.runs is not None:
        return runs < config.runs
    is_time_left = runs < config.least_runs or taken_ns < 1e9 * config.seconds
    return runs < config.most_runs and is_time_left


def _timed(invoke: Callable[[], None]) -> int:
    start = time.perf_counter_ns()
    invoke()
    return time.perf_counter_ns() - start
