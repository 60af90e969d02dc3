"""Rows of a CSV; the file may come from anywhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeconv.disk import read_bounded
from edgeconv.errors import RefusedError, UsageError

MAX_CSV_BYTES = 64 * 2**20
"""Largest CSV that is read."""


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
            if len(set(found)) < len(found):
                raise RefusedError(f"{path} names a column twice in its first line")
            reader.fieldnames = found
            for row in reader:
                yield reader.line_num, {name: (row[name] or "").strip() for name in found}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedError(f"{path} is no CSV in UTF-8: {error}") from error
