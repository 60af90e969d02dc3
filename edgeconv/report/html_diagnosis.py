"""A diagnosis as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.report import diagnosis_curves, diagnosis_tables, html_page, text
from edgeconv.report.plots import theme
from edgeconv.report.plots.distribution import Range, Values, figure_of_values
from edgeconv.report.plots.layers import Layers, figure_of_layers
from edgeconv.report.tables import Column, Table

if TYPE_CHECKING:
    from edgeconv.verify.diagnose import Diagnosis, TensorDiagnosis


def render(bundle: str, found: Diagnosis) -> str:
    """The document."""
    return html_page.page(f"{bundle}: diagnosis", _body(found), theme.STYLE)


def write(path: Path, bundle: str, found: Diagnosis) -> None:
    """Writes the document; raises OutputUnwritable where that cannot be done."""
    html_page.write_page(path, render(bundle, found))


def _body(found: Diagnosis) -> Iterator[str]:
    yield _verdict(found)
    for note in found.notes:
        yield html_page.paragraph(note, "note")
    if found.findings:
        yield html_page.table(diagnosis_tables.findings(found), frozenset({0}))
    if found.poor_grids:
        yield html_page.table(diagnosis_tables.poor_grids(found))
    names = [tensor.name for tensor in found.tensors]
    marked = None if found.shown is None else names.index(found.shown.name)
    yield figure_of_layers(
        "after",
        "Error after all that came before",
        "SQNR in dB against the float net, tensor by tensor; each channel may be scaled and "
        "shifted, for equalization does that inside a net.",
        Layers(names, diagnosis_curves.after_all(found), "dB", marked),
    )
    yield figure_of_layers(
        "own",
        "What each operator adds by itself",
        "SQNR in dB of each file's operator, fed with exact values on its own input grids; of the "
        "same values rounded to its output's grid, and to the best grid of 8 bits.",
        Layers(names, diagnosis_curves.by_itself(found), "dB", marked),
    )
    if found.shown is not None:
        yield from _tensor(found.shown)
    yield html_page.heading("All tensors")
    broken = {finding.tensor for finding in found.findings}
    bad = frozenset(i for i, tensor in enumerate(found.tensors) if tensor.name in broken)
    yield html_page.table(diagnosis_tables.tensors(found), bad)


def _verdict(found: Diagnosis) -> str:
    photos = f"{found.photos} golden photos"
    if found.first_bad is not None:
        first = found.first_bad
        return html_page.paragraph(
            f"{first.place} is broken in {first.artifact}: {first.message} ({photos})", "bad"
        )
    return html_page.paragraph(f"Nothing is broken beyond what quantization explains ({photos}).")


def _tensor(tensor: TensorDiagnosis) -> Iterator[str]:
    yield html_page.heading(f"{tensor.name} ({tensor.op_type})")
    seen = tensor.distribution
    if seen is None:
        return
    yield html_page.paragraph(
        f"Values {seen.low:.4g} to {seen.high:.4g}; the largest is "
        f"{text.number(seen.outlier_ratio, 1)} times the 99.9th percentile; the largest channel "
        f"{text.number(seen.channel_spread, 1)} times the median one; "
        f"{text.percent(seen.zeros_share)} are zero."
    )
    ranges = [Range("99.9 % of the values", -seen.central, seen.central)]
    ranges += [
        Range(f"grid of {file}", own.grid_low, own.grid_high) for file, own in tensor.own.items()
    ]
    values = Values(seen.edges, seen.counts, ranges, seen.channel_peaks)
    yield figure_of_values("values", "How its values are distributed", values)
    columns = (Column("repair"), Column("gain dB", "quantity"), Column("of what"))
    repairs = [(r.name, f"{r.gain_db:+.1f}", r.note) for r in tensor.repairs]
    yield html_page.table(Table(columns, repairs))
