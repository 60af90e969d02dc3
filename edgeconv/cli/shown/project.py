"""What a verb would be run with, and where each option of it comes from."""

from __future__ import annotations

from typing import Any

from edgeconv.cli.options import output
from edgeconv.cli.project import Project, name_of
from edgeconv.report.console import say
from edgeconv.report.tables import Column, Table, Told, show

_TYPED, _DEFAULT = "command line", "default"


def from_project(context: Any) -> list[Any]:
    """The options of a verb that the project's file gave."""
    return [
        one for one in context.command.params if _source(context, one) not in (_TYPED, _DEFAULT)
    ]


def show_options(context: Any) -> None:
    """Every option of a verb that is about to run, in place of the run."""
    rows = [
        {
            "option": name_of(one) if one.param_type_name == "option" else one.name.upper(),
            "value": _plain(context.params.get(one.name)),
            "from": _source(context, one),
        }
        for one in context.command.params
        if one.name in context.params
    ]
    told: Told[dict[str, Any]] = [
        (Column("option"), lambda row: row["option"]),
        (Column("value"), lambda row: row["value"]),
        (Column("from"), lambda row: row["from"]),
    ]
    as_json = bool(context.params.get("as_json"))
    output.show({"options": rows}, lambda: show(Table.of(rows, told)), as_json=as_json)


def show_project(project: Project | None) -> None:
    """All that the project's file says."""
    if project is None:
        say("There is no edgeconv.toml, here or above, and no [tool.edgeconv] in a pyproject.toml.")
        return
    rows = list(_lines(project.table))
    told: Told[tuple[str, str, Any]] = [
        (Column("verb"), lambda row: row[0] or "all that take it"),
        (Column("option"), lambda row: f"--{row[1]}"),
        (Column("value"), lambda row: _plain(row[2])),
    ]
    show(Table.of(rows, told, notes=(f"from {project.path}",)))


def _lines(table: Any, words: str = "") -> list[tuple[str, str, Any]]:
    own = [(words, key, value) for key, value in table.items() if not isinstance(value, dict)]
    tables = [
        (f"{words} {key}".strip(), value) for key, value in table.items() if isinstance(value, dict)
    ]
    return own + [line for key, value in tables for line in _lines(value, key)]


def _plain(value: Any) -> Any:
    """As it would be typed; None where nothing would be."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or None
    return None if value is None else str(value)


def _source(context: Any, option: Any) -> str:
    """Where Typer took the value from."""
    source = context.get_parameter_source(option.name)
    named = {"COMMANDLINE": _TYPED, "DEFAULT_MAP": ""}.get(getattr(source, "name", ""), _DEFAULT)
    return named or str(context.find_root().obj.path)
