"""The nets of the registry, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeconv.report.tables import Column, Table, show

if TYPE_CHECKING:
    from edgeconv.nets.spec import NetSpec


def show_nets(specs: Sequence[NetSpec]) -> None:
    """The registry, a line a net."""
    columns = (
        Column("net"),
        Column("parameters M", "number", rank=1),
        Column("multiply-adds M", "number", 0, rank=2),
        Column("top-1 %", "number"),
        Column("top-5 %", "number", rank=4),
        Column("input", rank=3),
        Column("options", rank=5),
        Column("accuracy stated by", rank=6),
    )
    rows = []
    for spec in specs:
        facts = spec.facts
        height, width = spec.preprocessing.input_size
        rows.append(
            (
                spec.name,
                facts.parameters / 1e6,
                facts.multiply_adds / 1e6,
                facts.top1,
                facts.top5,
                f"{height}x{width}",
                ", ".join(spec.options) or "-",
                facts.accuracy_stated_by or "-",
            )
        )
    note = (
        "Published ImageNet-1k figures at default options; `edgeconv list --json` says where every "
        "one of them stands, and those at other options."
    )
    show(Table(columns, rows, notes=(note,)))
