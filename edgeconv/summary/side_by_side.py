"""The same file on several devices, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeconv.summary.cells import NO_FIGURE, Cell, accuracy_cell, instructions_cell, latency_cell
from edgeconv.summary.row import Row


@dataclass(frozen=True)
class Line:
    """A file with its cell of each device; `how` tells engine and threads."""

    net: str
    file: str
    how: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class SideBySide:
    """Devices, and the files that were measured on two of them or more."""

    devices: tuple[str, ...]
    lines: tuple[Line, ...]


def side_by_side(rows: Sequence[Row]) -> SideBySide:
    """Those of a report; no line where no file was measured on two devices."""
    found: dict[tuple[str, str, int], dict[str, Row]] = {}
    for row in rows:
        if row.latency is not None:
            key = (row.file.sha256, row.engine, row.latency.threads)
            found.setdefault(key, {})[row.device] = row
    several = {key: each for key, each in found.items() if len(each) > 1}
    devices = tuple(sorted({device for each in several.values() for device in each}))
    return SideBySide(devices, tuple(_line(each, devices) for each in several.values()))


def _line(each: dict[str, Row], devices: Sequence[str]) -> Line:
    first = next(iter(each.values()))
    net = " ".join(filter(None, (first.file.title, first.file.sides(" x "))))
    assert first.latency is not None
    how = ", ".join(filter(None, (first.engine, f"{first.latency.threads} thread(s)")))
    cells = (_cell(each[device]) if device in each else NO_FIGURE for device in devices)
    return Line(net, first.file.name, how, tuple(cells))


def _cell(row: Row) -> Cell:
    """Latency, where there is none instructions, and what was judged on that very device."""
    shown = _with_unit(latency_cell(row), " ms")
    if not shown.sort:
        shown = _with_unit(instructions_cell(row), " M instructions")
    if row.accuracy is None or row.accuracy.device != row.device:
        return shown
    accuracy = f"{row.accuracy.figure} {accuracy_cell(row).text}"
    return replace(shown, also=(*shown.also, accuracy))


def _with_unit(cell: Cell, unit: str) -> Cell:
    return replace(cell, text=cell.text + unit) if cell.sort else cell
