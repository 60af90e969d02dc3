"""What a bench run gives: one row for each file and number of threads, with all its samples."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgeconv.devices.bench.benchmark_output import Benchmarked
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.latency import LatencyStats
from edgeconv.devices.state.surroundings import Surroundings
from edgeconv.documents import Form
from edgeconv.errors import RefusedError
from edgeconv.runtime.results import Profile, TimedResult
from edgeconv.runtime.session import Provider

FORM = Form(
    what="document of `edgeconv bench`",
    key="schema",
    number=1,
    most_bytes=128 * 2**20,
    refusal=RefusedError,
    remedy="measure again with `edgeconv bench --json-file`",
)

_FILE = ("artifact", "engine", "threads")
_TIMED = (
    *_FILE,
    "p50 ms",
    "95 % interval",
    "p90 ms",
    "p99 ms",
    "min ms",
    "first ms",
    "load ms",
    "peak MiB",
    "verdict",
)
_THROUGHPUT = "images/s"
_COUNTED = (*_FILE, "instructions M")


@dataclass(frozen=True)
class Artifact:
    """A file under measurement, as it was when the bench began.

    Attributes:
        name: what the user calls it.
        path: where it lies.
        size_bytes: its size.
        sha256: of its bytes.
    """

    name: str
    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class BenchResult:
    """One file on one number of threads.

    Attributes:
        artifact: the file.
        threads: intra-operator threads.
        latency: statistics over all processes; None on emulated devices, where time means nothing.
        processes: what each process measured, in the order they ran, samples included.
    """

    artifact: Artifact
    threads: int
    latency: LatencyStats | None
    processes: tuple[TimedResult, ...]

    @property
    def engine(self) -> str:
        """The engine that ran it."""
        return self.processes[0].engine

    @property
    def batch(self) -> int:
        """Images in one inference."""
        return self.processes[0].batch

    @property
    def images_per_s(self) -> float | None:
        """Images in a second at the median latency; None where there is none."""
        if self.latency is None or not self.latency.p50_ms:
            return None
        return 1e3 * self.batch / self.latency.p50_ms

    @property
    def first_ms(self) -> float:
        """Median over the processes of the first inference after loading."""
        return statistics.median([p.timing.first_ns / 1e6 for p in self.processes])

    @property
    def load_ms(self) -> float:
        """Median over the processes of opening the file."""
        return statistics.median([p.load_ms for p in self.processes])

    @property
    def peak_rss_mib(self) -> float | None:
        """The largest peak memory of any process, the agent and the engine included.

        None where nobody tells, as on emulated devices, whose processes hold the emulator too.
        """
        if self.latency is None:
            return None
        peaks = [p.rss_peak_bytes for p in self.processes if p.rss_peak_bytes is not None]
        return max(peaks) / 2**20 if peaks else None

    @property
    def model_rss_mib(self) -> float | None:
        """The largest growth over the memory held with the engine imported and no file open."""
        if self.latency is None:
            return None
        grown = [
            p.rss_peak_bytes - p.rss_engine_bytes
            for p in self.processes
            if p.rss_peak_bytes is not None and p.rss_engine_bytes is not None
        ]
        return max(max(grown), 0) / 2**20 if grown else None

    @property
    def instructions(self) -> int | None:
        """Median over the processes of the instructions of one inference; None on real devices."""
        counts = [p.instructions for p in self.processes if p.instructions is not None]
        return round(statistics.median(counts)) if counts else None

    @property
    def steady(self) -> bool:
        """Whether every process became steady in its warm-up."""
        return all(p.timing.steady for p in self.processes)

    @property
    def verdict(self) -> str:
        """ "steady", or why the figure is not one to rely on."""
        if self.latency is None:
            return "emulated"
        if self.latency.verdict == "steady" and not self.steady:
            return "warm-up never steady"
        return self.latency.verdict

    def to_json(self) -> dict[str, Any]:
        """Every figure, and every sample in nanoseconds."""
        return {
            "artifact": self.artifact,
            "engine": self.engine,
            "threads": self.threads,
            "batch": self.batch,
            "images_per_s": self.images_per_s,
            "verdict": self.verdict,
            "instructions": self.instructions,
            "peak_rss_mib": self.peak_rss_mib,
            "model_rss_mib": self.model_rss_mib,
            **self._times(),
        }

    def _times(self) -> dict[str, Any]:
        if self.latency is None:
            return {"instructions_by_process": [p.instructions for p in self.processes]}
        return {
            "latency": self.latency,
            "first_ms": self.first_ms,
            "load_ms": self.load_ms,
            "processes": self.processes,
        }


@dataclass(frozen=True)
class BenchReport:
    """A bench run.

    Attributes:
        device: the device's name.
        emulated: whether times mean nothing there, and instructions are the cost.
        provider: what computed, every process of it.
        run: a name of this run's own: files measured in one run share their moments.
        host: facts about it, as its agent told them before the first process.
        config: how it was measured.
        warnings: what may have spoiled it.
        results: one row for each file and number of threads.
        profiles: what each operator takes, by file; empty where nobody asked.
        surroundings: power and cooling before the first process and after the last.
        benchmark_model: figures of Google's benchmark_model, its own; empty where nobody asked.
    """

    device: str
    emulated: bool
    provider: Provider
    run: str
    host: dict[str, Any]
    config: BenchConfig
    warnings: tuple[str, ...]
    results: tuple[BenchResult, ...]
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    surroundings: tuple[Surroundings, Surroundings] = (Surroundings(), Surroundings())
    benchmark_model: tuple[Benchmarked, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Headers of `rows`."""
        if self.emulated:
            return _COUNTED
        return (*_TIMED, _THROUGHPUT) if self._has_batches else _TIMED

    def rows(self) -> list[tuple[str, ...]]:
        """One row of text for each result, under `columns`."""
        rows = [_row(result) for result in self.results]
        if self.emulated or not self._has_batches:
            return rows
        speeds = [result.images_per_s for result in self.results]
        return [
            (*row, "-" if speed is None else significant(speed))
            for row, speed in zip(rows, speeds, strict=True)
        ]

    @property
    def _has_batches(self) -> bool:
        return any(result.batch > 1 for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """The fields by name, and the document's version."""
        return {"schema": FORM.number, **vars(self)}


def _row(result: BenchResult) -> tuple[str, ...]:
    stats, peak, count = result.latency, result.peak_rss_mib, result.instructions
    file = (result.artifact.name, result.engine, str(result.threads))
    memory = "-" if peak is None else f"{peak:.0f}"
    if stats is None:
        return (*file, "-" if count is None else f"{count / 1e6:.2f}")
    return (
        *file,
        significant(stats.p50_ms),
        _interval(stats.low_ms, stats.high_ms),
        significant(stats.p90_ms),
        significant(stats.p99_ms),
        significant(stats.min_ms),
        significant(result.first_ms),
        significant(result.load_ms),
        memory,
        result.verdict,
    )


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{significant(low)} to {significant(high)}"


def significant(value: float, digits: int = 3) -> str:
    """So many significant digits, no more decimals than there are digits, and never an exponent."""
    whole = len(str(int(value))) if value >= 1 else 0
    return f"{value:.{max(digits - whole, 0)}f}"
