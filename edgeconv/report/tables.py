"""Tables on stdout that read well on a terminal, in a narrow one, and in a pipe.

- A terminal wide enough: one line a row, the header set off.
- A narrower terminal: each row as a block of `name  value` lines, so that nothing is cut.
- No terminal: one line a row however long, no colour, so that grep, sort and diff work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal

from edgeconv.report import console as terminal
from edgeconv.report import text

if TYPE_CHECKING:
    from rich.console import Console

Kind = Literal["text", "quantity", "integer", "number", "percent", "size"]

_GAP = 2


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        header: its heading, with the unit where it has one.
        kind: "text" is set left; the others right. "quantity" takes a figure that is text already,
            "percent" a share of 1, "size" bytes.
        digits: decimals of "number" (2 by default) and "percent" (1 by default).
    """

    header: str
    kind: Kind = "text"
    digits: int | None = None

    def cell(self, value: Any) -> str:
        """The value as it is shown; None and NaN show as "-"."""
        if value is None:
            return text.MISSING
        digits = _DIGITS.get(self.kind, 0) if self.digits is None else self.digits
        return _SHOW[self.kind](value, digits)

    @property
    def is_right_aligned(self) -> bool:
        """Whether its cells stand right."""
        return self.kind != "text"


_DIGITS: dict[Kind, int] = {"number": 2, "percent": 1}

_SHOW: dict[Kind, Callable[[Any, int], str]] = {
    "text": lambda value, _: text.printable(str(value)),
    "quantity": lambda value, _: text.printable(str(value)),
    "integer": lambda value, _: text.number(value, 0),
    "number": text.number,
    "percent": text.percent,
    "size": lambda value, _: text.size(value),
}


@dataclass(frozen=True)
class Table:
    """Rows under typed columns.

    Attributes:
        columns: the columns.
        rows: one value for each column; None where there is none.
        title: a line above, or none.
        notes: lines below.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    title: str | None = None
    notes: Sequence[str] = field(default=())

    def cells(self) -> list[list[str]]:
        """Every row as text.

        Raises:
            ValueError: a row has not as many values as there are columns.
        """
        return [
            [column.cell(value) for column, value in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]


def show(table: Table, file: IO[str] | None = None, *, width: int | None = None) -> None:
    """Writes the table.

    Args:
        table: what to show.
        file: where to; stdout by default.
        width: columns of the terminal; found out by default.
    """
    console = terminal.console(file, width=width, markup=False)
    cells = table.cells()
    if table.title:
        _line(console, text.printable(table.title), style="bold")
    if console.is_terminal and _natural_width(table, cells) > console.width:
        _show_blocks(console, table, cells)
    else:
        _show_grid(console, table, cells)
    for note in table.notes:
        _line(console, text.printable(note))


def _show_grid(console: Console, table: Table, cells: list[list[str]]) -> None:
    widths = _widths(table, cells)
    _line(console, _joined(table, [c.header for c in table.columns], widths), style="bold")
    _line(console, (" " * _GAP).join("-" * width for width in widths), style="dim")
    for row in cells:
        _line(console, _joined(table, row, widths))


def _show_blocks(console: Console, table: Table, cells: list[list[str]]) -> None:
    from rich.cells import set_cell_size

    label = max(_length(column.header) for column in table.columns)
    for number, row in enumerate(cells):
        if number:
            _line(console, "")
        for column, cell in zip(table.columns, row, strict=True):
            name = set_cell_size(column.header, label)
            _line(console, f"{name}{' ' * _GAP}{cell}")


def _joined(table: Table, cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        " " * (width - _length(cell)) + cell
        if column.is_right_aligned
        else cell + " " * (width - _length(cell))
        for column, cell, width in zip(table.columns, cells, widths, strict=True)
    ]
    return (" " * _GAP).join(padded).rstrip()


def _widths(table: Table, cells: list[list[str]]) -> list[int]:
    return [
        max([_length(column.header), *(_length(row[index]) for row in cells)])
        for index, column in enumerate(table.columns)
    ]


def _natural_width(table: Table, cells: list[list[str]]) -> int:
    return sum(_widths(table, cells)) + _GAP * (len(table.columns) - 1)


def _length(shown: str) -> int:
    """Terminal cells: a Chinese character takes two."""
    from rich.cells import cell_len

    return cell_len(shown)


def _line(console: Console, line: str, style: str | None = None) -> None:
    console.print(line, style=style, soft_wrap=True)
