"""Writes the table of operators in your-own-net.md from the operator table.

python docs/operator_table.py            # writes it
python docs/operator_table.py --check    # exits 1 where the page holds another one
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from edgeconv.graph.operators.operator import Operator
from edgeconv.graph.operators.table import OPERATORS

PAGE = Path(__file__).with_name("your-own-net.md")
BEGIN = "<!-- operators: written by python docs/operator_table.py -->\n"
END = "<!-- end of operators -->\n"
#: Title of a column, and what an operator's `planned` is there; None of what TFLite cannot have.
_COLUMNS: tuple[tuple[str, str | None], ...] = (
    ("on integers", "int8"),
    ("on integers or in float", "depends"),
    ("in float", "float"),
    ("no operator of TFLite's", None),
)


def table() -> str:
    """A row for each kind, a column for each way in which int8 files compute it; refusals below."""
    lines = [
        f"| kind | {' | '.join(title for title, _ in _COLUMNS)} |",
        f"| --- |{' --- |' * len(_COLUMNS)}",
    ]
    for kind in dict.fromkeys(operator.kind for operator in OPERATORS.values()):
        rows = [operator for operator in OPERATORS.values() if operator.kind == kind]
        cells = [_names(rows, planned) for _, planned in _COLUMNS]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    reasons = [f"- {row.name}: {row.refusal}" for row in OPERATORS.values() if row.refusal]
    return "\n".join([*lines, "", *reasons]) + "\n"


def _names(rows: Sequence[Operator], way: str | None) -> str:
    ways = ((row, row.planned if row.refusal is None else None) for row in rows)
    return ", ".join(row.name for row, own in ways if own == way)


def with_table(page: str) -> str:
    """The page with the table as it is now between its two marks.

    Raises:
        ValueError: the page lacks one of the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} lacks the marks {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}{table()}{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Writes the page, or with --check only looks at it; gives the exit code."""
    page = PAGE.read_text(encoding="utf-8")
    made = with_table(page)
    if "--check" in arguments:
        return int(made != page)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
