"""A self-contained HTML page: no script, no font, no image from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from edgeconv.disk import write_whole

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --bad: #c62828; --a: #1f77b4; --b: #ff7f0e;
  --c: #2ca02c; --d: #9467bd; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.bad td, p.bad { color: var(--bad); font-weight: 600; }
.scroll { overflow-x: auto; } svg { width: 100%; height: auto; }
svg text { fill: currentColor; font: 11px system-ui, sans-serif; }
.note { opacity: .75; font-size: 13px; }
"""


def page(title: str, body: Iterable[str]) -> str:
    """The whole document; `body` is HTML already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: frozenset[int] = frozenset(),
    bad_rows: frozenset[int] = frozenset(),
) -> str:
    """A table of plain text.

    Args:
        headers: of the columns.
        rows: one text for each column.
        numbers: columns that stand right.
        bad_rows: rows that are marked.
    """
    kinds = [' class="number"' if i in numbers else "" for i in range(len(headers))]
    head = "".join(f"<th{k}>{escape(h)}</th>" for k, h in zip(kinds, headers, strict=True))
    lines = []
    for index, row in enumerate(rows):
        cells = "".join(f"<td{k}>{escape(c)}</td>" for k, c in zip(kinds, row, strict=True))
        lines.append(f'<tr class="bad">{cells}</tr>' if index in bad_rows else f"<tr>{cells}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; `kind` is "bad", "note" or nothing."""
    return f'<p class="{escape(kind)}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    """A heading of a part."""
    return f"<h2>{escape(text)}</h2>"


def write_page(path: Path, document: str) -> None:
    """Writes the page whole or not at all.

    Raises:
        OutputUnwritable: the file cannot be written there.
    """
    write_whole(path, document.encode("utf-8"))
