"""Reads a table of image files and their classes; the file may come from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeconv.data.class_folders import name_indices
from edgeconv.data.csv_rows import rows
from edgeconv.data.named_files import (
    LONGEST_SHOWN,
    inside,
    is_file,
    require_none_missing,
)
from edgeconv.errors import RefusedError


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
    for line, row in rows(path, ("file", "label")):
        name, label = row["file"], row["label"]
        if len(found) + len(missing) >= limit:
            raise RefusedError(f"{path} has more than {limit:,} rows; split it")
        image = folder / inside(f"{path}, line {line}", name)
        index = labels.index(label)
        if index is None:
            raise RefusedError(
                f"{path}, line {line}: the label is {label[:60]!r}; allowed are {labels.allowed}"
            )
        if image in found:
            raise RefusedError(
                f"{path}: lines {found[image][1]} and {line} both name {name[:LONGEST_SHOWN]}"
            )
        if not is_file(image):
            missing.append(name)
        else:
            found[image] = (index, line)
    require_none_missing(path, folder, missing)
    if not found:
        raise RefusedError(f"{path} has no rows below its header")
    return [(image, index) for image, (index, _) in found.items()]
