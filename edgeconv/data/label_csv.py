"""Reads a table of image files and their classes; the file may come from anywhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from edgeconv.data.class_folders import name_indices
from edgeconv.disk import read_bounded
from edgeconv.errors import RefusedError, UsageError

MAX_CSV_BYTES = 64 * 2**20
"""Largest CSV that is read."""

_SHOWN = 5
_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class _Labels:
    """What a label may be: an index below `classes`, or one of `names` (lower case -> index)."""

    names: Mapping[str, int]
    classes: int | None

    def index(self, text: str) -> int | None:
        if text.isascii() and text.isdecimal() and len(text) <= 9:
            value = int(text)
            return value if self.classes is None or value < self.classes else None
        return self.names.get(text.lower())

    @property
    def allowed(self) -> str:
        numbers = "0 and up" if self.classes is None else f"0 to {self.classes - 1}"
        return f"class indices {numbers}" + (", or the net's label names" if self.names else "")


def read_label_csv(
    path: Path,
    folder: Path,
    class_names: Sequence[str] | None = None,
    classes: int | None = None,
    *,
    limit: int,
) -> list[tuple[Path, int]]:
    """(image path, class index) of each row, in the file's order.

    The first line names the columns; `file` and `label` are read, others are free. `file` is
    relative to `folder`, with forward slashes, and may not leave it.

    Args:
        path: the CSV, UTF-8 with or without a byte-order mark.
        folder: where the images are.
        class_names: names that may stand for class indices.
        classes: how many classes there are.
        limit: most rows.

    Raises:
        UsageError: the CSV is missing or cannot be opened.
        RefusedError: it is no such table, names files that are outside or missing, names a file
            twice, or has labels that cannot be.
    """
    labels = _Labels(name_indices(class_names) if class_names is not None else {}, classes)
    found: dict[Path, tuple[int, int]] = {}
    missing: list[str] = []
    for line, name, label in _rows(path):
        if len(found) + len(missing) >= limit:
            raise RefusedError(f"{path} has more than {limit:,} rows; split it")
        image = folder / _inside(path, line, name)
        index = labels.index(label)
        if index is None:
            raise RefusedError(
                f"{path}, line {line}: the label is {label[:60]!r}; allowed are {labels.allowed}"
            )
        if image in found:
            raise RefusedError(
                f"{path}: lines {found[image][1]} and {line} both name {name[:_LONGEST_SHOWN]}"
            )
        if not _is_file(image):
            missing.append(name)
        else:
            found[image] = (index, line)
    if missing:
        first = ", ".join(name[:_LONGEST_SHOWN] for name in missing[:_SHOWN])
        shown = first + (", ..." if len(missing) > _SHOWN else "")
        raise RefusedError(
            f"{path} names {len(missing)} files that are not in {folder}: {shown}; to evaluate on "
            "the photos that are there, give --labels a CSV with their rows alone"
        )
    if not found:
        raise RefusedError(f"{path} has no rows below its header")
    return [(image, index) for image, (index, _) in found.items()]


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line number, file, label) of each row that is not blank."""
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no file; give a CSV with the columns file,label")
        content = read_bounded(path, MAX_CSV_BYTES)
        if content is None:
            raise RefusedError(f"{path} is too large, the limit is {MAX_CSV_BYTES:,} bytes")
        with io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = [name.strip().lower() for name in reader.fieldnames or []]
            if "file" not in columns or "label" not in columns:
                shown = ",".join(columns)[:80]
                raise RefusedError(
                    f"{path} starts with {shown!r}; its first line must name the columns "
                    "file and label"
                )
            reader.fieldnames = columns
            for row in reader:
                yield reader.line_num, (row["file"] or "").strip(), (row["label"] or "").strip()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedError(f"{path} is no CSV in UTF-8: {error}") from error


def _inside(path: Path, line: int, name: str) -> PurePosixPath:
    pure = PurePosixPath(name)
    outside = pure.is_absolute() or ".." in pure.parts or bool(PureWindowsPath(name).drive)
    if outside or not pure.parts or not name.isprintable():
        raise RefusedError(
            f"{path}, line {line}: the file is {name[:_LONGEST_SHOWN]!r}; it must be a path inside "
            "the folder"
        )
    return pure


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a loop of links, or a name longer than the file system allows
        return False
