"""A report on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeconv.report.tables import Column, Table, Told, show
from edgeconv.runtime.plain import some

if TYPE_CHECKING:
    from edgeconv.summary.changes import Compared
    from edgeconv.summary.gate import Verdict
    from edgeconv.summary.row import Collection, Row
    from edgeconv.verify.tasks.figures import Estimate

#: How many rows an error names.
_NAMED = 5


def show_report(found: Collection, verdict: Verdict | None) -> None:
    """The rows, what failed, and how they compare with before."""
    if found.rows:
        show(Table.of(found.rows, _TOLD, notes=_notes(found)))
    if found.failed:
        columns = (Column("failed"), Column("what"), Column("device"), Column("why"))
        rows = [(one.kind, one.title, one.device, one.said) for one in found.failed]
        show(Table(columns, rows))
    if verdict is not None:
        _show_verdict(verdict)


def _show_verdict(verdict: Verdict) -> None:
    notes = [f"not judged: {one}" for one in verdict.unsure]
    notes += [f"gone: {one}" for one in verdict.gone]
    notes += [f"new: {one}" for one in verdict.new]
    scattered = sum(one.p_value is not None for one in verdict.compared)
    notes.append(f"p: chance of such a change in a row that is no worse; {scattered} have one")
    notes[-1] += ", for which the verdicts are corrected (Holm)"
    show(Table.of(verdict.compared, _COMPARED, "compared with the report of before", notes))


def worse_in_words(verdict: Verdict) -> str:
    """The rows that got worse, for an error."""
    named = [f"{one.row}: {one.figure} {one.before} -> {one.now}" for one in verdict.worse]
    return f"{len(named)} got worse: {some(named, _NAMED)}"


def _notes(found: Collection) -> list[str]:
    notes = []
    if any(row.latency is not None and row.latency.is_noisy for row in found.rows):
        notes.append("~ the machine was too busy for this latency to be trusted")
    if any(row.accuracy is not None and row.accuracy.device != row.device for row in found.rows):
        notes.append("accuracy stands beside a device where it was measured on this machine alone")
    return notes


def _interval(found: Estimate | None, scale: float, digits: int, unit: str = "") -> str | None:
    return None if found is None else f"{found.value * scale:.{digits}f}{unit}"


def _accuracy(row: Row) -> str | None:
    if row.accuracy is None:
        return None
    if row.accuracy.unit == "share":
        return _interval(row.accuracy.value, 100, 1, " %")
    return _interval(row.accuracy.value, 1, 2)


def _latency(row: Row) -> str | None:
    if row.latency is None or row.latency.p50_ms is None:
        return None
    return f"{'~' if row.latency.is_noisy else ''}{row.latency.p50_ms.value:.2f}"


_TOLD: Told[Row] = (
    (Column("net"), lambda row: row.file.net),
    (Column("options", rank=5), lambda row: row.file.options or None),
    (Column("file"), lambda row: row.file.name),
    (Column("input", rank=1), lambda row: row.file.sides("x") or None),
    (Column("device", rank=2), lambda row: row.device or None),
    (Column("accuracy", "quantity"), _accuracy),
    (
        Column("agrees", "quantity", rank=3),
        lambda row: row.accuracy and _interval(row.accuracy.agreement, 100, 1, " %"),
    ),
    (Column("p50 ms", "quantity"), _latency),
    (
        Column("instructions", "integer", rank=7),
        lambda row: row.latency and row.latency.instructions,
    ),
    (Column("size", "size", rank=1), lambda row: row.file.size_bytes),
    (Column("int8", "percent", 0, rank=6), lambda row: row.file.int8_share),
    (Column("parity", rank=4), lambda row: row.file.parity or None),
)


_IN_PERCENT = ("latency", "instructions", "size")


def _change(one: Compared) -> str:
    unit = " %" if one.figure in _IN_PERCENT else " points"
    return "-" if one.figure == "parity" else f"{one.change:+.1f}{unit}"


_COMPARED: Told[Compared] = (
    (Column("row"), lambda one: one.row),
    (Column("figure"), lambda one: one.figure),
    (Column("before", rank=2), lambda one: one.before),
    (Column("now", rank=2), lambda one: one.now),
    (Column("change", "quantity"), _change),
    (Column("p", "number", 4), lambda one: one.p_value),
    (Column("verdict"), lambda one: "worse" if one.is_worse else "-"),
)
