"""A self-contained HTML page: no script, no font, no image from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from edgeconv.disk import write_whole
from edgeconv.report.tables import Table

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --bad: #c62828; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.bad td, p.bad { color: var(--bad); font-weight: 600; }
.scroll { overflow-x: auto; }
.note { opacity: .75; font-size: 13px; }
"""


def page(title: str, body: Iterable[str], style: str = "") -> str:
    """The whole document; `body` is HTML already, `style` CSS on top of the page's own."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def table(shown: Table, bad_rows: frozenset[int] = frozenset()) -> str:
    """A table with its notes below; `bad_rows` are marked."""
    kinds = ["" if column.kind == "text" else ' class="number"' for column in shown.columns]
    headers = [column.header for column in shown.columns]
    lines = ["<thead><tr>", *_cells("th", kinds, headers), "</tr></thead><tbody>"]
    for index, row in enumerate(shown.cells()):
        lines += ['<tr class="bad">' if index in bad_rows else "<tr>", *_cells("td", kinds, row)]
        lines.append("</tr>")
    # What scrolls has to be within reach of the keyboard.
    scroll = '<div class="scroll" role="group" aria-label="Table" tabindex="0">'
    whole = f"{scroll}<table>{''.join(lines)}</tbody></table></div>"
    return "\n".join([whole, *(paragraph(note, "note") for note in shown.notes)])


def _cells(tag: str, kinds: Sequence[str], texts: Sequence[str]) -> Iterator[str]:
    pairs = zip(kinds, texts, strict=True)
    return (f"<{tag}{kind}>{escape(text)}</{tag}>" for kind, text in pairs)


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
