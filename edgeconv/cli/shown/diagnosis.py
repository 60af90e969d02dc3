"""What `edgeconv diagnose` prints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edgeconv.report import diagnosis_tables, text
from edgeconv.report.console import say
from edgeconv.report.tables import facts, show

if TYPE_CHECKING:
    from edgeconv.verify.diagnose import Diagnosis, TensorDiagnosis


def show_diagnosis(found: Diagnosis) -> None:
    """Every tensor, then what is broken, then the tensor worth a look."""
    every = diagnosis_tables.tensors(found)
    show(replace(every, notes=(*every.notes, *found.notes)))
    say()
    if found.findings:
        show(diagnosis_tables.findings(found))
        say()
    if found.poor_grids:
        show(diagnosis_tables.poor_grids(found))
        say()
    if found.shown is not None:
        _show_tensor(found.shown, is_broken=not found.passed)


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
