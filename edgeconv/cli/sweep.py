"""edgeconv sweep: many nets, options and devices, each combination once."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import typer

from edgeconv.cli.options import output
from edgeconv.report.tables import Column, Table, Told, show
from edgeconv.report.text import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeconv.sweep.cell import Cell
    from edgeconv.sweep.plan import Plan
    from edgeconv.sweep.results import Results
    from edgeconv.sweep.run import Row


def sweep(
    context: typer.Context,
    file: Path = typer.Argument(metavar="SWEEP.toml", help="Nets, what varies, devices."),
    out: Path = typer.Option(Path("sweep"), help="Folder of the results; what is there stays."),
    scheduler: str | None = typer.Option(
        None,
        metavar="ADDRESS",
        help="Run the cells on a Dask cluster, such as tcp://10.0.0.2:8786.",
        show_default="here, one after the other",
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Print the cells and which are done; run nothing."
    ),
    as_json: bool = output.JSON,
) -> None:
    """Export, judge and measure every combination of nets, options and devices.

    Each result is a JSON document named by a digest of all that it depends on: a sweep that was cut
    off goes on where it was, and a cell that is done is never run again. What fails is a row with
    its reason, and the sweep goes on. Nothing runs beside a measurement.
    """
    from edgeconv.cli import sweep_file
    from edgeconv.sweep.results import Results
    from edgeconv.sweep.run import states

    plan = sweep_file.read(file, context.find_root().command)
    results = Results(out)
    if dry_run:
        cells = [_told(cell, state) for cell, state in states(plan, results)]
        output.show({"cells": cells}, lambda: _show_cells(cells), as_json=as_json)
        return
    with results.locked():
        rows = _run(plan, results) if scheduler is None else _on(scheduler, plan, results)
    output.show(
        {"folder": str(out), "results": [row.result for row in rows]},
        lambda: _show_rows(rows, out),
        as_json=as_json,
    )


def _run(plan: Plan, results: Results) -> list[Row]:
    from edgeconv.report.progress import Steps
    from edgeconv.sweep.run import run

    rows: list[Row] = []
    with Steps() as progress:

        def begins(cell: Cell, *, through: int) -> None:
            where = "" if cell.device == "local" else f" on {cell.device}"
            left = _seconds_left(rows, through, len(plan.nets))
            about = "" if left is None else f", about {duration(left)} left"
            place = f"({through + 1} of {len(plan.nets)}{about})"
            progress.step(f"{cell.kind} {cell.title}{where} {place}")

        for row in run(plan, results, begins):
            rows.append(row)
            if row.ran and row.result.code:
                progress.finish(failed=True)
                progress.warn(f"{row.cell.title}: {row.result.said}")
    return rows


def _on(scheduler: str, plan: Plan, results: Results) -> list[Row]:
    from edgeconv.report.progress import Steps
    from edgeconv.sweep import cluster

    rows: list[Row] = []
    with cluster.connect(scheduler) as client, Steps() as progress:
        for row in cluster.run(plan, results, client, progress):
            rows.append(row)
            if row.ran and row.result.code:
                progress.warn(f"{row.cell.kind} {row.cell.title}: {row.result.said}")
    return rows


def _seconds_left(rows: Sequence[Row], through: int, nets: int) -> float | None:
    """What the rest may take by what others took; None before one is through.

    Args:
        rows: what has ended, net by net; each net begins with its export.
        through: nets of which all has ended.
        nets: in all.
    """
    if not through:
        return None
    starts = [place for place, row in enumerate(rows) if row.cell.kind == "export"]
    ends = [*starts[1:], len(rows)]
    each = [sum(row.result.seconds for row in rows[a:b]) for a, b in zip(starts, ends, strict=True)]
    return max(0.0, fmean(each[:through]) * (nets - through) - sum(each[through:]))


def _told(cell: Cell, state: str) -> dict[str, Any]:
    return {
        "kind": cell.kind,
        "title": cell.title,
        "device": cell.device,
        "state": state,
        "digest": cell.digest,
    }


def _show_cells(cells: Sequence[dict[str, Any]]) -> None:
    told: Told[dict[str, Any]] = [
        (Column("cell"), lambda cell: cell["kind"]),
        (Column("of"), lambda cell: cell["title"]),
        (Column("device", rank=1), lambda cell: cell["device"]),
        (Column("state"), lambda cell: cell["state"]),
    ]
    waiting = "what follows an export is known when its bundle is there"
    show(Table.of(cells, told, notes=(waiting,)))


def _show_rows(rows: Sequence[Row], out: Path) -> None:
    told: Told[Row] = [
        (Column("cell"), lambda row: row.cell.kind),
        (Column("of"), lambda row: row.cell.title),
        (Column("device", rank=1), lambda row: row.cell.device),
        (Column("seconds", "number", 1, rank=2), lambda row: row.result.seconds),
        (Column("run", rank=3), lambda row: "now" if row.ran else "before"),
        (Column("exit code", "integer"), lambda row: row.result.code),
        (Column("why", rank=4), lambda row: row.result.said or None),
    ]
    show(Table.of(rows, told, notes=(f"The results are in {out}.",)))
