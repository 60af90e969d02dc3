"""Rows of a CSV that names photos; the file may come from anywhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from edgeconv.disk import read_bounded
from edgeconv.errors import RefusedError, UsageError

MAX_CSV_BYTES = 64 * 2**20
"""Largest CSV that is read."""

LONGEST_SHOWN = 80
"""Characters of a name that a message shows."""

_SHOWN = 5


def rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, cell by column) of each row that is not blank, columns in lower case.

    Args:
        path: the CSV, UTF-8 with or without a byte-order mark; its first line names the columns.
        needed: columns that it must have.

    Raises:
        UsageError: the CSV is missing or cannot be opened.
        RefusedError: it is no such table.
    """
    columns = " and ".join(", ".join(needed).rsplit(", ", 1))
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no file; give a CSV with the columns {','.join(needed)}")
        content = read_bounded(path, MAX_CSV_BYTES)
        if content is None:
            raise RefusedError(f"{path} is too large, the limit is {MAX_CSV_BYTES:,} bytes")
        with io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            found = [name.strip().lower() for name in reader.fieldnames or []]
            if not set(needed) <= set(found):
                raise RefusedError(
                    f"{path} starts with {','.join(found)[:80]!r}; its first line must name the "
                    f"columns {columns}"
                )
            reader.fieldnames = found
            for row in reader:
                yield reader.line_num, {name: (row[name] or "").strip() for name in found}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedError(f"{path} is no CSV in UTF-8: {error}") from error


def inside(path: Path, line: int, name: str) -> PurePosixPath:
    """A name in a row as a path inside the folder of photos; raises RefusedError for any other."""
    pure = PurePosixPath(name)
    outside = pure.is_absolute() or ".." in pure.parts or bool(PureWindowsPath(name).drive)
    if outside or not pure.parts or not name.isprintable():
        raise RefusedError(
            f"{path}, line {line}: the file is {name[:LONGEST_SHOWN]!r}; it must be a path inside "
            "the folder"
        )
    return pure


def require_none_missing(path: Path, folder: Path, missing: Sequence[str]) -> None:
    """Raises RefusedError where a CSV names files that are not there."""
    if missing:
        first = ", ".join(name[:LONGEST_SHOWN] for name in missing[:_SHOWN])
        shown = first + (", ..." if len(missing) > _SHOWN else "")
        raise RefusedError(
            f"{path} names {len(missing)} files that are not in {folder}: {shown}; to evaluate on "
            "the photos that are there, give --labels a CSV with their rows alone"
        )


def is_file(path: Path) -> bool:
    """Whether there is one."""
    try:
        return path.is_file()
    except OSError:  # a loop of links, or a name longer than the file system allows
        return False
