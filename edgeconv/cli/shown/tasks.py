"""What eval found in a task, as a table: a row for each figure of each file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeconv.cli.shown.accuracy import kernel_notes
from edgeconv.cli.shown.bounds import bound_notes
from edgeconv.report import text
from edgeconv.report.tables import Column, Table, Told, show

if TYPE_CHECKING:
    from edgeconv.verify.tasks.figures import Estimate, Figure, FileFigures, Unit

_SIGNS: dict[Unit, str] = {"share": " %", "dB": " dB", "pixels": " px", "number": ""}
_Row = tuple["FileFigures", "Figure"]


def show_figures(files: Sequence[FileFigures], count: int, samples: str, note: str) -> None:
    """Every figure, its interval, and its change from float; `samples` is what they ran on."""
    from edgeconv.verify.tasks.resampling import FEWEST_PHOTOS

    rows = [(file, figure) for file in files for figure in file.figures]
    of: Told[_Row] = [(Column("of"), lambda row: row[1].of or None)]
    change: Told[_Row] = [
        (Column("from float", "quantity"), _change),
        (Column("95 % interval of that", "quantity", rank=1), _change_ends),
    ]
    told: Told[_Row] = [
        (Column("file"), lambda row: row[0].artifact),
        *(of if any(figure.of for _, figure in rows) else ()),
        (Column("figure"), lambda row: row[1].name),
        (Column("value", "quantity"), lambda row: _value(row[1].estimate.value, row[1].unit)),
        (Column("95 % interval", "quantity", rank=2), lambda row: _ends(row[1].estimate, row[1])),
        *(change if any(figure.change is not None for _, figure in rows) else ()),
    ]
    notes = [f"{count} {samples}; {note}"]
    if count < FEWEST_PHOTOS:
        notes.append(f"fewer {samples} than {FEWEST_PHOTOS} give no interval over {samples}")
    notes += [*kernel_notes(files), *bound_notes(files)]
    show(Table.of(rows, told, notes=notes))


def _change(row: _Row) -> str | None:
    _, figure = row
    return None if figure.change is None else _signed(figure.change.value, figure.unit)


def _change_ends(row: _Row) -> str | None:
    change, unit = row[1].change, row[1].unit
    if change is None or change.low is None or change.high is None:
        return None
    return f"{_signed(change.low, unit)} to {_signed(change.high, unit)}"


def _ends(estimate: Estimate, figure: Figure) -> str | None:
    if estimate.low is None or estimate.high is None:
        return None
    low, high = (_number(end, figure.unit) for end in (estimate.low, estimate.high))
    return f"{low} to {high}{_SIGNS[figure.unit]}"


def _value(value: float, unit: Unit) -> str:
    return f"{_number(value, unit)}{_SIGNS[unit]}"


def _number(value: float, unit: Unit) -> str:
    if unit == "share":
        return text.number(100 * value, 1)
    return text.number(value, 1 if unit == "dB" else 3)


def _signed(value: float, unit: Unit) -> str:
    """Shares change by points."""
    shown = _number(value, unit)
    is_plain = value <= 0 or shown == text.MISSING or not shown.strip("0.")
    return shown if is_plain else f"+{shown}"
