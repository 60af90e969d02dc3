"""What operators take, and what Google's benchmark_model tells, as tables on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

import typer

from edgeconv.report.tables import Column, Table, show

if TYPE_CHECKING:
    from edgeconv.devices.bench.benchmark_output import Benchmarked
    from edgeconv.runtime.results import Profile


def show_profile(name: str, profile: Profile, source: str) -> None:
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
    show(Table(columns, rows, notes=(note,)))


def show_benchmark_model(found: Sequence[Benchmarked]) -> None:
    """What Google's benchmark_model tells of each file, and of its operators."""
    from edgeconv.runtime.results import Profile

    rows = [
        (
            one.artifact,
            one.threads,
            one.processes[0].runs,
            median(process.mean_ms for process in one.processes),
            min(process.mean_ms for process in one.processes),
            max(process.mean_ms for process in one.processes),
            min(process.min_ms for process in one.processes),
            median(process.std_ms for process in one.processes),
            median(process.first_ms for process in one.processes),
            median(process.init_ms for process in one.processes),
        )
        for one in found
    ]
    figures = {
        "mean ms": 0,
        "lowest mean": 3,
        "highest mean": 4,
        "min ms": 5,
        "std ms": 6,
        "first ms": 2,
        "init ms": 1,
    }
    columns = (
        Column("benchmark_model"),
        Column("threads", "integer"),
        Column("runs", "integer", rank=7),
        *(Column(figure, "number", 3, rank) for figure, rank in figures.items()),
    )
    note = (
        "as Google's benchmark_model tells: statistics of each process, here the median over "
        f"{len(found[0].processes)}; it tells no single run, so there is no interval"
    )
    show(Table(columns, rows, notes=(note,)))
    for one in found:
        if one.operators:
            typer.echo()
            show_profile(one.artifact, Profile("litert", one.operators), "as benchmark_model tells")
