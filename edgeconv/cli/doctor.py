"""edgeconv doctor: what is installed here, what of it works, and what to do about the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeconv.cli.options.output import JSON, show
from edgeconv.errors import UnavailableError
from edgeconv.report.tables import Column, Table
from edgeconv.report.tables import show as show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeconv.devices.doctor import Row


def doctor(as_json: bool = JSON) -> None:
    """What is installed on this machine, what of it works, and what to do about the rest.

    Exits with 3 where something is installed that does not work, or there is no engine. --json is
    for reports of faults.
    """
    from edgeconv.devices.doctor import rows

    found = rows()
    broken = [row.what for row in found if row.state == "broken"]
    show({"rows": found, "broken": broken}, lambda: _show(found), as_json=as_json)
    if broken:
        raise UnavailableError(f"not working: {', '.join(broken)}")


def _show(found: Sequence[Row]) -> None:
    columns = (Column("part"), Column("here"), Column("state"))
    notes = [f"{row.what}: {row.advice}" for row in found if row.advice]
    show_table(Table(columns, [(row.what, row.value, row.state) for row in found], notes=notes))
