"""The cells of a row on the page: text, and what they are sorted by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

from edgeconv.report import text
from edgeconv.summary.row import Accuracy, Latency, Row
from edgeconv.verify.tasks.figures import Estimate


@dataclass(frozen=True)
class Heading:
    """Of a column; `kind` is "number" or ""."""

    header: str
    kind: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what is shown.
        sort: what it is sorted by; "" where nothing is known.
        also: lines in small type, such as an interval.
        kind: classes of its element.
    """

    text: str
    sort: str
    also: tuple[str, ...] = ()
    kind: str = ""


_NONE = Cell(text.MISSING, "")
#: Of a figure that no document holds.
NO_FIGURE = Cell(text.MISSING, "", kind="number")


def _plain(value: Callable[[Row], str]) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        found = value(row)
        return Cell(found, found) if found else _NONE

    return cell


def _net(row: Row) -> Cell:
    found = row.file.title or row.file.sha256[:12]
    return Cell(found, found)


def _interval(found: Estimate | None, scale: float, digits: int, unit: str) -> Cell:
    if found is None:
        return NO_FIGURE
    also: tuple[str, ...] = ()
    if found.low is not None and found.high is not None:
        also = (f"{found.low * scale:.{digits}f} to {found.high * scale:.{digits}f}",)
    shown = f"{found.value * scale:.{digits}f}{unit}"
    return Cell(shown, repr(found.value), also, "number")


def _number(value: float | None, shown: Callable[[float], str]) -> Cell:
    if value is None:
        return NO_FIGURE
    return Cell(shown(value), repr(float(value)), kind="number")


def _of_accuracy(make: Callable[[Accuracy], Cell]) -> Callable[[Row], Cell]:
    return lambda row: NO_FIGURE if row.accuracy is None else make(row.accuracy)


def accuracy_cell(row: Row) -> Cell:
    """The figure with its interval, on how many photos, and where that was another device."""
    accuracy = row.accuracy
    if accuracy is None:
        return NO_FIGURE
    is_share = accuracy.unit == "share"
    made = _interval(accuracy.value, 100 if is_share else 1, 1 if is_share else 2, _unit(accuracy))
    where = () if accuracy.device == row.device else (f"on {accuracy.device}",)
    also = (*made.also, f"{accuracy.figure}, {accuracy.photos} photos", *where)
    return Cell(made.text, made.sort, also, "number")


def _unit(accuracy: Accuracy) -> str:
    return {"share": " %", "dB": " dB", "pixels": " px"}.get(accuracy.unit, "")


def latency_cell(row: Row) -> Cell:
    """p50 in ms with its interval, marked where the machine was too busy."""
    latency = row.latency
    if latency is None or latency.p50_ms is None:
        return NO_FIGURE
    made = _interval(latency.p50_ms, 1, 2, "")
    if not latency.is_noisy:
        return made
    return Cell(f"~{made.text}", made.sort, (*made.also, "too noisy"), "number noisy")


def _of_latency(value: Callable[[Latency], float | None]) -> Callable[[Row], float | None]:
    return lambda row: None if row.latency is None else value(row.latency)


_instructions = _of_latency(lambda latency: latency.instructions)
_memory = _of_latency(lambda latency: latency.memory_mib)
_threads = _of_latency(lambda latency: latency.threads)


def instructions_cell(row: Row) -> Cell:
    """Millions of instructions of one inference, on emulated devices."""
    return _number(_instructions(row), lambda value: f"{value / 1e6:,.1f}")


def _parity(row: Row) -> Cell:
    kind = "bad" if row.file.parity == "failed" else ""
    return Cell(row.file.parity or text.MISSING, row.file.parity, kind=kind)


COLUMNS: Sequence[tuple[Heading, Callable[[Row], Cell]]] = (
    (Heading("Net"), _net),
    (Heading("File"), _plain(lambda row: row.file.name)),
    (Heading("Input"), _plain(lambda row: row.file.sides(" x "))),
    (Heading("Device"), _plain(lambda row: row.device)),
    (Heading("Threads", "number"), lambda row: _number(_threads(row), "{:.0f}".format)),
    (Heading("Accuracy", "number"), accuracy_cell),
    (
        Heading("Agrees with float", "number"),
        _of_accuracy(lambda one: _interval(one.agreement, 100, 1, " %")),
    ),
    (Heading("Drop, points", "number"), _of_accuracy(lambda one: _interval(one.drop, 1, 2, ""))),
    (Heading("p50, ms", "number"), latency_cell),
    (Heading("Instructions, M", "number"), instructions_cell),
    (
        Heading("Size", "number"),
        lambda row: _number(row.file.size_bytes, lambda value: text.size(int(value))),
    ),
    (Heading("Memory, MiB", "number"), lambda row: _number(_memory(row), "{:.1f}".format)),
    (
        Heading("Multiply-adds, M", "number"),
        lambda row: _number(row.file.multiply_adds, lambda value: f"{value / 1e6:,.1f}"),
    ),
    (
        Heading("In int8", "number"),
        lambda row: _number(row.file.int8_share, lambda value: text.percent(value, 0)),
    ),
    (Heading("Parity"), _parity),
)


def table(rows: Sequence[Row]) -> tuple[list[Heading], list[tuple[Cell, ...]]]:
    """Every row's cells, in the columns of which some row tells anything."""
    whole = [[make(row) for _, make in COLUMNS] for row in rows]
    told = [any(cell.sort for cell in column) for column in zip(*whole, strict=True)]
    headings = [heading for heading, _ in compress(COLUMNS, told)]
    return headings, [tuple(compress(cells, told)) for cells in whole]
