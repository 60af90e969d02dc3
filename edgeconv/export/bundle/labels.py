"""labels.txt: the classes' names, a line each, in the order of the logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeconv.disk import read_bounded
from edgeconv.errors import BundleRefused
from edgeconv.nets.labels import LONGEST_LABEL, is_label

FILE_NAME = "labels.txt"
_MOST_BYTES = 16 * 2**20


def write(directory: Path, names: Sequence[str]) -> None:
    """Writes the file, of names of one line each."""
    (directory / FILE_NAME).write_text("\n".join(names) + "\n", encoding="utf-8")


def read(directory: Path) -> tuple[str, ...] | None:
    """The names of a bundle's classes; None where it holds none.

    Raises:
        BundleRefused: the file cannot be read, is too large, is no UTF-8, or has a line that is too
            long for a name.
    """
    path = directory / FILE_NAME
    try:
        content = read_bounded(path, _MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    if content is None:
        raise _refused(path, f"it is larger than {_MOST_BYTES >> 20} MiB")
    try:
        names = tuple(content.decode().splitlines())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(path, f"line {line} is no UTF-8 text") from error
    for line, name in enumerate(names, 1):
        if not is_label(name):
            raise _refused(
                path, f"line {line} has {len(name):,} characters, over {LONGEST_LABEL:,}"
            )
    return names


def _refused(path: Path, why: str) -> BundleRefused:
    return BundleRefused(f"{path} cannot be read: {why}; export the net again")
