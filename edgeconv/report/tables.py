"""Tables that read well on a terminal of any width, and in a pipe.

- A terminal: text wraps, and columns that still do not fit are left out, the least important ones
  first; a line below says which.
- No terminal: every column, one line a row however long, no colour, so that grep, sort and diff
  work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar

from edgeconv.report import console as terminal
from edgeconv.report import text
from edgeconv.runtime.plain import MOST_MESSAGE_BYTES, plain, shortened

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

T = TypeVar("T")
Kind = Literal["text", "quantity", "integer", "number", "percent", "size"]

_GAP = 2
#: A word up to this long, such as a file's name, is not broken while a column can be left out.
_LONGEST_WORD = 32
#: Wider than any line, for what is no terminal.
_ENDLESS = 10**6


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        header: its heading, with the unit where it has one.
        kind: "text" is set left; the others right. "quantity" takes a figure that is text already,
            "percent" a share of 1, "size" bytes.
        digits: decimals of "number" (2 by default) and "percent" (1 by default).
        rank: of the columns that a terminal is too narrow for, the highest is left out first; a
            column of rank 0 never is.
    """

    header: str
    kind: Kind = "text"
    digits: int | None = None
    rank: int = 0

    def cell(self, value: Any) -> str:
        """The value as it is shown; None and NaN show as "-"."""
        if value is None:
            return text.MISSING
        digits = _DIGITS.get(self.kind, 0) if self.digits is None else self.digits
        return _SHOW[self.kind](value, digits)


_DIGITS: dict[Kind, int] = {"number": 2, "percent": 1}

_SHOW: dict[Kind, Callable[[Any, int], str]] = {
    "text": lambda value, _: plain(shortened(str(value))),
    "quantity": lambda value, _: plain(shortened(str(value))),
    "integer": lambda value, _: text.number(value, 0),
    "number": text.number,
    "percent": text.percent,
    "size": lambda value, _: text.size(value),
}


Told = Sequence[tuple[Column, Callable[[T], Any]]]
"""Columns, each with what gives its value of an item."""


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
    title: str = ""
    notes: Sequence[str] = field(default=())

    @classmethod
    def of(
        cls, items: Iterable[T], told: Told[T], title: str = "", notes: Sequence[str] = ()
    ) -> Table:
        """A row for each item."""
        rows = [[value(item) for _, value in told] for item in items]
        return cls([column for column, _ in told], rows, title, notes)

    def cells(self) -> list[list[str]]:
        """Every row as text.

        Raises:
            ValueError: a row has not as many values as there are columns.
        """
        return [
            [column.cell(value) for column, value in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]


@dataclass(frozen=True)
class _Filled:
    """A column with its cells as text."""

    column: Column
    cells: list[str]

    @property
    def header(self) -> str:
        return plain(shortened(self.column.header))

    @property
    def natural(self) -> int:
        """Terminal cells that it takes without wrapping."""
        return max(map(_length, [self.header, *self.cells]))

    @property
    def least(self) -> int:
        """Terminal cells without which a figure, or a word, would be broken."""
        if self.column.kind != "text":
            return max(map(_length, [*self.header.split(), *self.cells]))
        words = " ".join([self.header, *self.cells]).split()
        return min(_LONGEST_WORD, max(map(_length, words)))


def facts(rows: Sequence[tuple[str, str]], title: str, notes: Sequence[str] = ()) -> Table:
    """A table of names with what they are."""
    return Table((Column("fact"), Column("value")), rows, title, notes)


def show(table: Table, file: IO[str] | None = None, *, width: int | None = None) -> None:
    """Writes the table.

    Args:
        table: what to show.
        file: where to; stdout by default.
        width: columns of the terminal; found out by default.

    Raises:
        ValueError: as `Table.cells`.
    """
    console = terminal.console(file, width=width, markup=False)
    if not console.is_terminal:
        console.width = _ENDLESS
    _write(console, table)


def show_all(tables: Iterable[Table]) -> None:
    """Writes tables to stdout, a line apart; errors as `show`."""
    for number, table in enumerate(tables):
        if number:
            terminal.say()
        show(table)


def as_text(table: Table, width: int) -> str:
    """What a terminal of so many columns shows, without colours; errors as `show`."""
    stream = StringIO()
    _write(terminal.console(stream, width=width, markup=False), table)
    return stream.getvalue()


def _write(console: Console, table: Table) -> None:
    every = _filled(table)
    kept = _fitting(every, console.width)
    if table.title:
        console.print(plain(table.title, MOST_MESSAGE_BYTES), style="bold")
    with console.capture() as drawn:
        console.print(_drawn(kept, _widths(kept, console.width)))
    console.out("\n".join(line.rstrip() for line in drawn.get().splitlines()), highlight=False)
    for note in table.notes:
        console.print(plain(note, MOST_MESSAGE_BYTES))
    if left_out := [one.header for one in every if one not in kept]:
        console.print(f"left out at {console.width} columns: {', '.join(left_out)}", style="dim")


def _filled(table: Table) -> list[_Filled]:
    rows = table.cells()
    return [_Filled(column, [row[i] for row in rows]) for i, column in enumerate(table.columns)]


def _fitting(every: Sequence[_Filled], width: int) -> list[_Filled]:
    """The columns for which there is room, by their ranks."""
    kept = list(every)
    while sum(one.least + _GAP for one in kept) - _GAP > width:
        worst = max(kept, key=lambda one: one.column.rank)
        if worst.column.rank == 0:
            break  # words are broken then
        kept.remove(worst)
    return kept


def _widths(kept: Sequence[_Filled], width: int) -> list[int]:
    """Of each column; where they do not fit, the widest ones wrap, and figures stay whole."""
    widths, least = [one.natural for one in kept], [one.least for one in kept]
    broken = [1 if one.column.kind == "text" else one.least for one in kept]
    for floor in (least, broken):
        while sum(widths) + _GAP * (len(kept) - 1) > width and widths != floor:
            _, widest = max((w, i) for i, w in enumerate(widths) if w > floor[i])
            widths[widest] -= 1
    return widths


def _drawn(kept: Sequence[_Filled], widths: Sequence[int]) -> RichTable:
    from rich.rule import Rule
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    for one, width in zip(kept, widths, strict=True):
        drawn.add_column(
            Text(one.header, style="bold"),
            justify="left" if one.column.kind == "text" else "right",
            overflow="fold",
            width=width,
        )
    drawn.add_row(*(Rule(characters="-", style="dim") for _ in kept))
    for row in zip(*(one.cells for one in kept), strict=True):
        drawn.add_row(*map(Text, row))
    return drawn


def _length(shown: str) -> int:
    """Terminal cells: a Chinese character takes two."""
    from rich.cells import cell_len

    return cell_len(shown)
