"""labels.txt: the classes' names, a line each, in the order of the logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeconv.errors import BundleRefused, RefusedError
from edgeconv.nets.labels import read_labels

FILE_NAME = "labels.txt"


def write(directory: Path, names: Sequence[str]) -> None:
    """Writes the file, of names of one line each."""
    (directory / FILE_NAME).write_text("\n".join(names) + "\n", encoding="utf-8")


def read(directory: Path) -> tuple[str, ...] | None:
    """The names of a bundle's classes; None where it holds none.

    Raises:
        BundleRefused: the file cannot be read, or holds what are no names.
    """
    try:
        return read_labels(directory / FILE_NAME)
    except FileNotFoundError:
        return None
    except RefusedError as error:
        raise BundleRefused(f"{error}; export the net again") from error
