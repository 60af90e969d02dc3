"""edgeconv audit: is a file really int8?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgeconv.cli.options import complete, output
from edgeconv.errors import ThresholdMissed, UsageError
from edgeconv.report.console import say
from edgeconv.runtime.memory import within_free_memory
from edgeconv.runtime.plain import some

if TYPE_CHECKING:
    from edgeconv.verify.audit.findings import Audit

#: How many operators a line names.
_NAMED = 4


@within_free_memory()
def audit(
    file: Path = typer.Argument(
        help="A .onnx or .tflite file of any tool.", autocompletion=complete.model_file
    ),
    require: str = typer.Option(
        "",
        metavar="int8|SHARE",
        help="Exit 1 unless the file is int8 throughout (int8), or at least this share of its "
        "multiply-adds is (0.9 or 90%).",
    ),
    as_json: bool = output.JSON,
) -> None:
    """Is FILE really int8: share of the work, float islands, unfused pairs, scales."""
    share = _share(require)
    from edgeconv.verify.audit.any_file import audit as examine

    found = examine(file)
    document = {"file": str(file), **found.to_json()}
    output.show(document, lambda: _show(file, found), as_json=as_json)
    if require == "int8" and not found.is_int8:
        raise ThresholdMissed(f"{file} is not int8 throughout: {found.why_not}")
    if share is not None and found.int8_share < share:
        raise ThresholdMissed(
            f"{file}: {found.int8_share:.1%} of the multiply-adds are in int8, {share:.1%} are "
            "required"
        )


def _share(require: str) -> float | None:
    if require in ("", "int8"):
        return None
    try:
        share = float(require.removesuffix("%")) / (100 if require.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"--require {require} is neither int8 nor a share such as 0.9 or 90%")
    return share


def _show(file: Path, found: Audit) -> None:
    from edgeconv.report import text
    from edgeconv.report.tables import Column, Table, facts, show

    totals = [
        ("multiply-adds", f"{found.operations.multiply_adds:,}"),
        ("of them in int8", text.percent(found.int8_share)),
        ("float islands", str(len(found.islands))),
        ("layout changes", str(found.operations.layout_changes)),
        ("int8 throughout", "yes" if found.is_int8 else "no"),
    ]
    if found.operations.partitions is not None:
        totals.insert(-1, ("XNNPACK partitions", str(found.operations.partitions)))
    show(facts(totals, str(file)))
    if not found.findings:
        return
    say()
    columns = (Column("severity"), Column("finding"), Column("what"), Column("where", rank=1))
    rows = [(f.severity, f.rule, f.message, some(f.nodes, _NAMED)) for f in found.findings]
    remedies = tuple(f"{f.rule}: {f.remedy}" for f in found.findings if f.remedy)
    show(Table(columns, rows, notes=remedies))
