"""What bench measured and compare compared, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from edgeconv.report.tables import Column, Table, Told

if TYPE_CHECKING:
    from edgeconv.devices.bench.benchmark_output import Benchmarked
    from edgeconv.devices.bench.compare import CompareReport, Row
    from edgeconv.devices.bench.report import BenchReport
    from edgeconv.devices.bench.significance import Comparison
    from edgeconv.runtime.results import Profile

#: Figures of A and B, so that B over A gives the percentage beside them.
_DIGITS = 5
#: The order in which a narrow terminal leaves out bench's columns, the last one first.
_LEFT_OUT = (
    *("95 % interval", "peak MiB", "images/s", "p90 ms", "load ms", "p99 ms", "engine", "min ms"),
    "first ms",
)


def bench_tables(report: BenchReport) -> list[Table]:
    """A line for each file and number of threads; then what operators take, where that is known."""
    source = "the mean of the middle half of its runs"
    return [
        _latency_table(report),
        *(
            _profile_table(name, profile, f"as {profile.engine}'s profiler tells, {source}")
            for name, profile in report.profiles.items()
        ),
        *(_benchmark_model_tables(report.benchmark_model) if report.benchmark_model else ()),
    ]


def _latency_table(report: BenchReport) -> Table:
    columns = [
        Column(
            header,
            "text" if header in ("artifact", "engine", "verdict") else "quantity",
            rank=1 + _LEFT_OUT.index(header) if header in _LEFT_OUT else 0,
        )
        for header in report.columns
    ]
    note = "p50 and its 95 % bootstrap interval are over all runs of all processes"
    if report.config.side_by_side:
        note += "; files were measured side by side"
    if report.emulated:
        note = (
            f"{report.device} is emulated: its time means nothing, so this is what one inference "
            "executes. Instructions are not cycles"
        )
    return Table(columns, report.rows(), notes=(note,))


def comparison_table(report: CompareReport) -> Table:
    """A line for each file and number of threads, A beside B."""
    from edgeconv.devices.bench.report import significant

    told: Told[Row] = [
        (Column("artifact"), lambda row: row.artifact),
        (Column("engine", rank=6), lambda row: row.engine),
        (Column("threads", "integer", rank=4), lambda row: row.threads),
        (Column(f"A, {report.unit}", "quantity", rank=2), lambda row: significant(row.a, _DIGITS)),
        (Column(f"B, {report.unit}", "quantity", rank=3), lambda row: significant(row.b, _DIGITS)),
        (Column("B takes", "quantity"), lambda row: f"{row.comparison.percent:+.1f} %"),
        (Column("99 % interval", "quantity", rank=1), lambda row: _interval(row.comparison)),
        (Column("p", "number", 3, rank=5), lambda row: row.comparison.p_value),
        (Column("verdict"), lambda row: row.comparison.verdict),
    ]
    paired = any(row.comparison.paired for row in report.rows)
    note = "B against A; p: how often chance alone is as far apart, over processes"
    figures = "A and B: geometric mean of the medians of the processes; B takes: B over A"
    if any(row.comparison.p_value is None for row in report.rows):
        figures = "A and B: median over the processes; B takes: B over A"
    return Table.of(report.rows, told, notes=(f"{note}{', in pairs' if paired else ''}", figures))


def _interval(comparison: Comparison) -> str:
    return f"{100 * (comparison.low - 1):+.1f} to {100 * (comparison.high - 1):+.1f} %"


def _profile_table(name: str, profile: Profile, source: str) -> Table:
    """What each kind of operator takes together, the most first."""
    rows = [
        (kind, number, ms, ms / profile.total_ms if profile.total_ms else 0.0)
        for kind, (number, ms) in profile.by_kind().items()
    ]
    columns = (
        Column(f"operators of {name}"),
        Column("number", "integer", rank=2),
        Column("ms", "number", 3),
        Column("share", "percent", 1, rank=1),
    )
    note = f"{source}; every single one stands in --json"
    return Table(columns, rows, notes=(note,))


def _benchmark_model_tables(found: Sequence[Benchmarked]) -> list[Table]:
    """What Google's benchmark_model tells of each file, and of its operators."""
    from edgeconv.runtime.results import Profile

    told: Told[Benchmarked] = [
        (Column("benchmark_model"), lambda one: one.artifact),
        (Column("threads", "integer"), lambda one: one.threads),
        (Column("runs", "integer", rank=7), lambda one: one.processes[0].runs),
        (Column("mean ms", "number", 3), lambda one: median(p.mean_ms for p in one.processes)),
        (Column("lowest mean", "number", 3, 3), lambda one: min(p.mean_ms for p in one.processes)),
        (Column("highest mean", "number", 3, 4), lambda one: max(p.mean_ms for p in one.processes)),
        (Column("min ms", "number", 3, 5), lambda one: min(p.min_ms for p in one.processes)),
        (Column("std ms", "number", 3, 6), lambda one: median(p.std_ms for p in one.processes)),
        (Column("first ms", "number", 3, 2), lambda one: median(p.first_ms for p in one.processes)),
        (Column("init ms", "number", 3, 1), lambda one: median(p.init_ms for p in one.processes)),
    ]
    note = (
        "as Google's benchmark_model tells: statistics of each process, here the median over "
        f"{len(found[0].processes)}; it tells no single run, so there is no interval"
    )
    return [
        Table.of(found, told, notes=(note,)),
        *(
            _profile_table(
                one.artifact, Profile("litert", one.operators), "as benchmark_model tells"
            )
            for one in found
            if one.operators
        ),
    ]
