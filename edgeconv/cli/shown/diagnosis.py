"""What `edgeconv diagnose` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from edgeconv.report import text
from edgeconv.report.tables import Column, Table, facts, show

if TYPE_CHECKING:
    from edgeconv.verify.diagnose import Diagnosis, TensorDiagnosis

#: Columns, and the ranks at which they go.
_STAGES = {"tflite": 8, "weights": 4, "int8.onnx": 3, "int8.tflite": 1}
_NOTE = (
    "SQNR in dB: of each stage against the float net, after all that came before (weights: int8 "
    "weights, float activations); own: what the int8 operator adds by itself; grid and best: its "
    "output rounded to the file's grid and to the best one of 8 bits"
)


POOR_GRIDS = (
    "as planned, so nothing is broken: calibration saw other values, or chose the range by what "
    "its readers make of them; more photos like those the net will see may help"
)


def show_diagnosis(found: Diagnosis) -> None:
    """Every tensor, then what is broken, then the tensor worth a look."""
    columns = (
        Column("tensor"),
        Column("operator", rank=7),
        *(Column(stage, "number", 1, rank) for stage, rank in _STAGES.items()),
        Column("own", "number", 1, rank=2),
        Column("grid", "number", 1, rank=5),
        Column("best", "number", 1, rank=6),
        Column("clipped", "percent", 2, rank=9),
        Column("verdict"),
    )
    broken: dict[str, str] = {}
    for finding in found.findings:
        broken.setdefault(finding.tensor, f"BROKEN in {finding.artifact}")
    poor = dict.fromkeys((grid.tensor for grid in found.poor_grids), "poor grid")
    verdicts = poor | broken
    rows = [_row(tensor, verdicts.get(tensor.name, "-")) for tensor in found.tensors]
    show(Table(columns, rows, notes=(_NOTE, *found.notes)))
    typer.echo()
    if found.findings:
        _show_findings(found)
        typer.echo()
    if found.poor_grids:
        _show_poor_grids(found)
        typer.echo()
    if found.shown is not None:
        _show_tensor(found.shown, is_broken=not found.passed)


def _row(tensor: TensorDiagnosis, verdict: str) -> tuple[Any, ...]:
    own = next(iter(tensor.own.values()), None)
    figures: tuple[Any, ...] = (None,) * 4
    if own is not None:
        figures = (own.sqnr_db, own.grid_sqnr_db, own.ideal_sqnr_db, own.clipped_share)
    totals = (tensor.total_db.get(stage) for stage in _STAGES)
    return (tensor.name, tensor.op_type, *totals, *figures, verdict)


def _show_findings(found: Diagnosis) -> None:
    columns = (
        Column("broken tensor"),
        Column("file"),
        Column("kind", rank=1),
        Column("what is wrong"),
    )
    rows = [(f.place, f.artifact, f.kind, f.message) for f in found.findings]
    remedies = dict.fromkeys(f.remedy for f in found.findings if f.remedy)
    notes = ["the first one is the cause; those behind it may follow from it", *remedies]
    show(Table(columns, rows, notes=notes))


def _show_poor_grids(found: Diagnosis) -> None:
    columns = (Column("tensor"), Column("file"), Column("what its grid loses"))
    rows = [(grid.tensor, grid.artifact, grid.message) for grid in found.poor_grids]
    show(Table(columns, rows, notes=(POOR_GRIDS,)))


def _show_tensor(tensor: TensorDiagnosis, *, is_broken: bool) -> None:
    title = "first broken tensor" if is_broken else "nothing is broken; the weakest tensor"
    rows = [("operator", tensor.op_type)]
    seen = tensor.distribution
    if seen is not None:
        rows += [
            ("values", f"{seen.low:.4g} to {seen.high:.4g}"),
            ("largest over the 99.9th percentile", text.number(seen.outlier_ratio, 1)),
            ("largest channel over the median one", text.number(seen.channel_spread, 1)),
        ]
    for artifact, own in tensor.own.items():
        rows.append((f"clipped in {artifact}", text.percent(own.clipped_share, 2)))
        rows.append((f"shift of whole channels in {artifact}", text.percent(own.mean_share, 1)))
    for repair in tensor.repairs[:3]:
        rows.append((repair.name, f"{repair.gain_db:+.1f} dB ({repair.note})"))
    show(facts(rows, f"{title}: {tensor.name}"))
