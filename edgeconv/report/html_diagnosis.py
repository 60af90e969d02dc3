"""A diagnosis as one HTML page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.report import diagnosis_tables, html_page, html_plots, text
from edgeconv.report.tables import Column, Table

if TYPE_CHECKING:
    from edgeconv.verify.diagnose import Diagnosis, TensorDiagnosis

#: Curves of the first plot: stage, legend, colour.
_CURVES = (
    ("weights", "int8 weights, float activations", "var(--c)"),
    ("int8.onnx", "int8.onnx", "var(--b)"),
    ("int8.tflite", "int8.tflite", "var(--a)"),
)
#: And of the second: legend, figure of the operator, colour.
_OWN_CURVES = (
    ("own", "sqnr_db", "var(--a)"),
    ("its output's grid", "grid_sqnr_db", "var(--b)"),
    ("the best 8-bit grid", "ideal_sqnr_db", "var(--c)"),
)
#: Float files agree to a hundred decibels and more; a plot of int8 need not reach there.
_CEILING_DB = 60.0


def render(bundle: str, found: Diagnosis) -> str:
    """The document."""
    return html_page.page(f"{bundle}: diagnosis", _body(found))


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
    yield html_page.heading("Error after all that came before")
    yield html_page.paragraph(
        "SQNR in dB against the float net, tensor by tensor; each channel may be scaled and "
        "shifted, for equalization does that inside a net.",
        "note",
    )
    curves = [
        html_plots.Line(label, [_capped(t.total_db.get(stage)) for t in found.tensors], color)
        for stage, label, color in _CURVES
    ]
    yield html_plots.lines(curves, names, unit="dB", marked=marked)
    yield html_page.heading("What each operator adds by itself")
    yield html_plots.lines(_own_curves(found), names, unit="dB", marked=marked)
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


def _own_curves(found: Diagnosis) -> list[html_plots.Line]:
    own = [next(iter(tensor.own.values()), None) for tensor in found.tensors]
    return [
        html_plots.Line(label, [_capped(getattr(one, figure, None)) for one in own], color)
        for label, figure, color in _OWN_CURVES
    ]


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
    marks = [
        html_plots.Mark(-seen.central, "99.9 %", "var(--d)"),
        html_plots.Mark(seen.central, "99.9 %", "var(--d)"),
    ]
    marks = [mark for mark in marks if seen.low <= mark.place <= seen.high]
    for artifact, own in tensor.own.items():
        marks.append(html_plots.Mark(own.grid_low, f"grid of {artifact}", "var(--bad)"))
        marks.append(html_plots.Mark(own.grid_high, "its end", "var(--bad)"))
        break
    yield html_plots.histogram(
        seen.edges, seen.counts, marks, label="values, logarithmic; zeros aside"
    )
    yield html_plots.bars(seen.channel_peaks, label="largest magnitude of each channel, sorted")
    columns = (Column("repair"), Column("gain dB", "quantity"), Column("of what"))
    repairs = [(r.name, f"{r.gain_db:+.1f}", r.note) for r in tensor.repairs]
    yield html_page.table(Table(columns, repairs))


def _capped(value: float | None) -> float:
    return math.nan if value is None else min(value, _CEILING_DB)
