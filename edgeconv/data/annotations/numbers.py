"""Tables of numbers: for each photo a row of what a net is to give, such as an age, or points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.csv_rows import rows
from edgeconv.data.folders import MAX_FILES
from edgeconv.data.named_files import (
    LONGEST_SHOWN,
    inside,
    is_file,
    require_none_missing,
)
from edgeconv.errors import RefusedError

_MOST_COLUMNS = 4096


@dataclass(frozen=True, eq=False)
class NumbersTable:
    """Numbers of photos.

    Attributes:
        columns: what each is called.
        photos: files, in the table's order.
        values: float64 (photos, columns); NaN where a cell is empty.
    """

    columns: tuple[str, ...]
    photos: tuple[Path, ...]
    values: NDArray[np.float64]

    def of(self, photos: Sequence[Path]) -> NumbersTable:
        """The rows of some of the photos, these in their order."""
        places = {photo: place for place, photo in enumerate(self.photos)}
        return NumbersTable(
            self.columns, tuple(photos), self.values[[places[photo] for photo in photos]]
        )


def read_numbers(path: Path, folder: Path) -> NumbersTable:
    """A CSV with the column `file`, as in `label_csv`, and one for each number.

    Raises:
        UsageError: the CSV is missing or cannot be opened.
        RefusedError: it is no such table, or names a file twice, or one that is not there.
    """
    columns: tuple[str, ...] = ()
    photos: dict[Path, int] = {}
    values: list[list[float]] = []
    missing: list[str] = []
    for line, row in rows(path, ("file",)):
        if len(values) >= MAX_FILES:
            raise RefusedError(f"{path} has more than {MAX_FILES:,} rows; split it")
        columns = columns or _columns(path, row)
        photo = folder / inside(f"{path}, line {line}", row["file"])
        if photo in photos:
            shown = row["file"][:LONGEST_SHOWN]
            raise RefusedError(f"{path}: lines {photos[photo]} and {line} both name {shown}")
        photos[photo] = line
        if not is_file(photo):
            missing.append(row["file"])
        values.append([_number(path, line, name, row[name]) for name in columns])
    require_none_missing(path, folder, missing)
    if not values:
        raise RefusedError(f"{path} has no rows below its header")
    return NumbersTable(columns, tuple(photos), np.array(values, np.float64))


def _columns(path: Path, row: dict[str, str]) -> tuple[str, ...]:
    columns = tuple(name for name in row if name != "file")
    if not 1 <= len(columns) <= _MOST_COLUMNS:
        raise RefusedError(
            f"{path} has {len(columns)} columns beside file; 1 to {_MOST_COLUMNS} are read"
        )
    return columns


def _number(path: Path, line: int, name: str, text: str) -> float:
    """NaN for an empty cell."""
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise RefusedError(
            f"{path}, line {line}: {name[:LONGEST_SHOWN]} is {text[:40]!r}, no number; an empty "
            "cell is not judged"
        )
    return value
