"""What a diagnosis found, as the tables that the terminal and the page show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeconv.report.tables import Column, Table

if TYPE_CHECKING:
    from edgeconv.verify.diagnose import Diagnosis, TensorDiagnosis

#: Columns of the errors, and the ranks at which they go.
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


def tensors(found: Diagnosis) -> Table:
    """Every tensor in the order of the graph."""
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
    return Table(columns, rows, notes=(_NOTE,))


def _row(tensor: TensorDiagnosis, verdict: str) -> tuple[Any, ...]:
    own = next(iter(tensor.own.values()), None)
    figures: tuple[Any, ...] = (None,) * 4
    if own is not None:
        figures = (own.sqnr_db, own.grid_sqnr_db, own.ideal_sqnr_db, own.clipped_share)
    totals = (tensor.total_db.get(stage) for stage in _STAGES)
    return (tensor.name, tensor.op_type, *totals, *figures, verdict)


def findings(found: Diagnosis) -> Table:
    """What is broken, and what to do."""
    columns = (
        Column("broken tensor"),
        Column("file"),
        Column("kind", rank=1),
        Column("what is wrong"),
    )
    rows = [(f.place, f.artifact, f.kind, f.message) for f in found.findings]
    remedies = dict.fromkeys(f.remedy for f in found.findings if f.remedy)
    notes = ["the first one is the cause; those behind it may follow from it", *remedies]
    return Table(columns, rows, notes=notes)


def poor_grids(found: Diagnosis) -> Table:
    """Tensors whose planned grid loses more than it need."""
    columns = (Column("tensor"), Column("file", rank=1), Column("what its grid loses"))
    rows = [(grid.tensor, grid.artifact, grid.message) for grid in found.poor_grids]
    return Table(columns, rows, notes=(POOR_GRIDS,))
