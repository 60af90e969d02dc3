"""A project's defaults: edgeconv.toml, or [tool.edgeconv] of pyproject.toml.

    weights = "weights/mobilenet_v2.safetensors"  # of every verb that takes --weights
    calib = "photos/calibration"
    device = "rpi4"

    [bench]                                       # of one verb
    threads = "1,4"

A key is an option's name without its dashes. The nearest file counts, in this directory or one
above it; what is given on the command line counts before it. Paths begin where the file lies.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from edgeconv.disk import read_bounded
from edgeconv.errors import UnknownName, UsageError
from edgeconv.toml import NotToml, read_toml

FILE_NAME = "edgeconv.toml"
_SHARED_NAME = "pyproject.toml"
_MOST_BYTES = 256 * 2**10
_MOST_LINES = 10_000

#: Words that may be a file or a folder, or something else that the option takes.
FILE_OR_WORD = ("weights", "calib")
#: Given where the command is typed alone: they run code of somebody's, or replace what is there.
_TYPED_ONLY = ("decode", "benchmark-model", "force", "json", "help")


@dataclass(frozen=True)
class Project:
    """What a file says.

    Attributes:
        path: the file.
        table: as it stands there.
    """

    path: Path
    table: Mapping[str, Any]

    def defaults(self, root: Any) -> dict[str, Any]:
        """Parameter -> value of every verb, and so of groups of verbs, as Typer's `default_map`.

        Args:
            root: the command line, a group of Typer's.

        Raises:
            UsageError: a key is no option's, or its value cannot be; says what is allowed.
        """
        verbs = dict(verbs_of(root))
        shared = {key: value for key, value in self.table.items() if not isinstance(value, dict)}
        for key in shared:
            self._check_known(key, {name for verb in verbs.values() for name in options_of(verb)})
        filled: dict[str, Any] = {}
        for words, verb in verbs.items():
            options = options_of(verb)
            own = {key: value for key, value in shared.items() if key in options}
            own |= self._table_of(words, options)
            place = filled
            for word in words:
                place = place.setdefault(word, {})
            paths = paths_of(verb)
            for key, value in own.items():
                place[options[key].name] = self._value(options[key], value, key, paths)
        self._check_tables(verbs)
        return filled

    def _table_of(self, words: tuple[str, ...], options: Mapping[str, Any]) -> dict[str, Any]:
        table: Any = self.table
        for word in words:
            table = table.get(word, {}) if isinstance(table, dict) else {}
        own = {key: value for key, value in dict(table).items() if not isinstance(value, dict)}
        for key in own:
            self._check_known(key, options)
        return own

    def _check_known(self, key: str, options: Any) -> None:
        if key in _TYPED_ONLY:
            raise UsageError(f"{self.path}: {key} is given on the command line alone")
        known = sorted(set(options) - set(_TYPED_ONLY))
        if key not in known:
            hint = f"A key is an option's name: {', '.join(known) or 'there is none here'}"
            raise UnknownName(f"option ({self.path})", key, known, hint)

    def _check_tables(self, verbs: Mapping[tuple[str, ...], Any]) -> None:
        """That each table is a verb's, or a group's."""
        known = {words[:length] for words in verbs for length in range(1, len(words) + 1)}
        for words in _tables(self.table):
            if words not in known:
                names = sorted(" ".join(one) for one in known)
                hint = f"A table is a verb's: {', '.join(names)}"
                raise UnknownName(f"verb ({self.path})", " ".join(words), names, hint)

    def _value(self, option: Any, value: Any, key: str, paths: Set[str]) -> Any:
        """As it would be typed; a path is made one from here."""
        if option.multiple:
            fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
            wanted = None if fits else "a list of texts"
        else:
            wanted = unfit(option, value)
        if wanted is not None:
            raise UsageError(f"{self.path}: {key} must be {wanted}")
        if key in FILE_OR_WORD or option.name in paths:
            return self._placed(str(value), always=option.name in paths)
        return value if option.multiple or option.is_flag else str(value)

    def _placed(self, value: str, *, always: bool) -> str:
        there = self.path.parent / value
        return str(there) if always or there.exists() else value


def find(given: Path | None = None) -> Project | None:
    """The project that this directory belongs to, or the file that is given.

    Raises:
        UsageError: the file cannot be read or is no TOML, or there is none at the place given.
    """
    if given is not None:
        return Project(given, _section(given) or {})
    here = Path.cwd()
    for directory in (here, *here.parents):
        for name in (FILE_NAME, _SHARED_NAME):
            path = directory / name
            if path.is_file() and (table := _section(path)) is not None:
                return Project(Path(os.path.relpath(path)), table)
    return None


def _section(path: Path) -> dict[str, Any] | None:
    """What is edgeconv's; None where a pyproject.toml says nothing of it."""
    if path.name == _SHARED_NAME and not _names_us(path):
        return None
    try:
        table = read_toml(path, _MOST_BYTES, most_lines=_MOST_LINES)
    except NotToml as error:
        raise UsageError(f"{path} {error}") from error
    if path.name != _SHARED_NAME:
        return table
    tool = table.get("tool", {})
    section = tool.get("edgeconv") if isinstance(tool, dict) else None
    if section is not None and not isinstance(section, dict):
        raise UsageError(f"{path}: tool.edgeconv is no table")
    return section


def _names_us(path: Path) -> bool:
    """Whether a file that is everybody's has a word for us; else it may be as it likes."""
    try:
        return b"edgeconv" in (read_bounded(path, _MOST_BYTES) or b"")
    except OSError:
        return False


def verbs_of(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The words of each verb, and the verb."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs_of(command, (*before, name))
        else:
            yield (*before, name), command


def options_of(verb: Any) -> dict[str, Any]:
    """Name as it is typed, without its dashes -> option."""
    options = (one for one in verb.params if one.param_type_name == "option")
    return {name_of(one).lstrip("-"): one for one in options}


def name_of(option: Any) -> str:
    """As it is typed: the long one of its names."""
    return str(max(option.opts, key=len))


def unfit(option: Any, value: Any) -> str | None:
    """What one value of an option must be, where a file's is none."""
    if option.is_flag:
        return None if isinstance(value, bool) else "true or false"
    fits = isinstance(value, str | int | float) and not isinstance(value, bool)
    return None if fits else "a text or a number"


def _tables(table: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield (*before, key)
            yield from _tables(value, (*before, key))


def paths_of(verb: Any) -> set[str]:
    """The parameters that are made a path of what is typed."""
    parameters = signature(verb.callback).parameters.values()
    return {one.name for one in parameters if "Path" in str(one.annotation)}
