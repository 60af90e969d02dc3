"""TOML from anywhere: what no file of ours has is counted and refused before it is parsed.

A parser builds a table for each dot of a key, and reads hexadecimal numbers of any length: 60 kB of
dots take gigabytes. Lines are counted as they stand, for what is text in them only a parser knows.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from edgeconv.disk import read_bounded

_MOST_LINES = 1000
_LONGEST_LINE = 2000
_MOST_DOTS = 64
_MOST_BRACKETS = 512
_MOST_LEVELS = 16
_MOST_DIGITS = 400
_DIGITS = re.compile(rf"[0-9A-Fa-f_]{{{_MOST_DIGITS + 1},}}")
_LONGEST_REASON = 200


class NotToml(ValueError):
    """Text is no TOML, or more of it than is read; a message of one short line."""


def read_toml(
    path: Path, most_bytes: int, *, most_lines: int = _MOST_LINES, longest_line: int = _LONGEST_LINE
) -> dict[str, Any]:
    """The table in a file; bounds as of `parse_toml`.

    Raises:
        NotToml: it cannot be read, is larger, or holds none; the words go behind the file's name.
    """
    try:
        content = read_bounded(path, most_bytes)
    except OSError as error:
        raise NotToml(f"cannot be read: {error.strerror or error}") from error
    if content is None:
        raise NotToml(f"cannot be read: it is larger than {most_bytes >> 10} KiB")
    try:
        return parse_toml(content, most_lines=most_lines, longest_line=longest_line)
    except NotToml as error:
        raise NotToml(f"is no TOML: {error}") from error


def parse_toml(
    content: bytes, *, most_lines: int = _MOST_LINES, longest_line: int = _LONGEST_LINE
) -> dict[str, Any]:
    """The table that TOML text stands for.

    Args:
        content: of a few kilobytes; its size is the caller's to limit.
        most_lines: more are refused.
        longest_line: in characters; longer ones are refused.

    Raises:
        NotToml: it is none, or has more lines, levels, dots or brackets, or longer lines and
            numbers than a file of ours needs.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line_number = content.count(b"\n", 0, error.start) + 1
        raise NotToml(f"line {line_number} is no UTF-8 text") from error
    lines = text.splitlines()
    if len(lines) > most_lines:
        raise NotToml(f"it has {len(lines):,} lines, over {most_lines:,}")
    for number, line in enumerate(lines, 1):
        if wrong := _problem(line, longest_line):
            raise NotToml(f"line {number} has {wrong}")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotToml(ascii(str(error))[1:-1][:_LONGEST_REASON]) from error
    _check_levels(table)
    return table


def _problem(line: str, longest: int) -> str | None:
    """What is too much in a line."""
    if len(line) > longest:
        return f"{len(line):,} characters, over {longest:,}"
    if line.count(".") > _MOST_DOTS:
        return f"{line.count('.')} dots, over {_MOST_DOTS}"
    if line.count("[") + line.count("{") > _MOST_BRACKETS:
        return f"over {_MOST_BRACKETS} brackets"
    return f"over {_MOST_DIGITS} digits on end" if _DIGITS.search(line) else None


def _check_levels(table: dict[str, Any]) -> None:
    level: list[Any] = [table]
    for _ in range(_MOST_LEVELS):
        lists = [one for one in level if isinstance(one, list)]
        tables = [one.values() for one in level if isinstance(one, dict)]
        level = [value for held in (*lists, *tables) for value in held]
    if level:
        raise NotToml(f"it is nested too deeply, more than {_MOST_LEVELS} levels")
