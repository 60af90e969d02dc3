"""Tables as Markdown, for pages of continuous-integration services (GitHub's flavour, GitLab's)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from edgeconv.disk import write_whole
from edgeconv.report.tables import Table
from edgeconv.runtime.plain import MOST_MESSAGE_BYTES, plain

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~#&]")
"""What Markdown, or HTML within it, would make something else of."""


def render(title: str, tables: Iterable[Table]) -> str:
    """A heading, then each table with its notes as a list below it."""
    blocks = [f"### {_escaped(title)}"]
    for table in tables:
        if table.title:
            blocks.append(f"**{_escaped(table.title)}**")
        blocks.append("\n".join(_rows(table)))
        if table.notes:
            blocks.append("\n".join(f"- {_escaped(note)}" for note in table.notes))
    return "\n\n".join(blocks) + "\n\n"


def write_markdown(path: Path, title: str, tables: Sequence[Table]) -> None:
    """Writes the document whole or not at all; raises OutputUnwritable."""
    write_whole(path, render(title, tables).encode())


def _rows(table: Table) -> Iterator[str]:
    yield _row(column.header for column in table.columns)
    yield _row((":--" if column.kind == "text" else "--:") for column in table.columns)
    yield from map(_row, table.cells())


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text: str) -> str:
    """The text as it is, in one line."""
    return _SPECIAL.sub(r"\\\g<0>", plain(text, MOST_MESSAGE_BYTES))
