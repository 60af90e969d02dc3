"""Pairs of photos that show the same, or not the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeconv.data.csv_rows import rows
from edgeconv.data.folders import MAX_FILES
from edgeconv.data.named_files import inside, require_none_missing
from edgeconv.errors import RefusedError

COLUMNS = ("file_a", "file_b", "same")


@dataclass(frozen=True)
class Pair:
    """Two photos, by their places in a list, and whether they show the same."""

    one: int
    other: int
    is_same: bool


def read_pairs(path: Path, folder: Path, photos: Sequence[Path]) -> list[Pair]:
    """A CSV with the columns file_a, file_b (as in `label_csv`) and same (1 or 0).

    Args:
        path: the CSV.
        folder: where the photos are.
        photos: all of them.

    Raises:
        UsageError: the CSV is missing or cannot be opened.
        RefusedError: it is no such table, names photos that are not there, or pairs of one kind
            alone.
    """
    places = {photo: place for place, photo in enumerate(photos)}
    found: list[Pair] = []
    missing: list[str] = []
    for line, row in rows(path, COLUMNS):
        if len(found) + len(missing) >= 10 * MAX_FILES:
            raise RefusedError(f"{path} has more than {10 * MAX_FILES:,} rows; split it")
        if row["same"] not in ("0", "1"):
            raise RefusedError(f"{path}, line {line}: same is {row['same'][:40]!r}; it is 1 or 0")
        both = [folder / inside(f"{path}, line {line}", row[name]) for name in COLUMNS[:2]]
        missing += [row[n] for n, photo in zip(COLUMNS, both, strict=False) if photo not in places]
        if not missing:
            found.append(Pair(places[both[0]], places[both[1]], row["same"] == "1"))
    require_none_missing(path, folder, missing)
    if len({pair.is_same for pair in found}) != 2:
        raise RefusedError(f"{path} needs pairs that are the same (1), and others that are not (0)")
    return found


def among(pairs: Sequence[Pair], photos: Sequence[Path], chosen: Sequence[Path]) -> list[Pair]:
    """The pairs both of whose photos are among some of a list's, by their places there."""
    places = {photo: place for place, photo in enumerate(chosen)}
    found = []
    for pair in pairs:
        one, other = places.get(photos[pair.one]), places.get(photos[pair.other])
        if one is not None and other is not None:
            found.append(Pair(one, other, pair.is_same))
    return found
