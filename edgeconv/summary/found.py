"""Finds what is given: documents, bundles, and folders of both. Links lead nowhere."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeconv.bundle.bundle import is_bundle
from edgeconv.errors import UsageError
from edgeconv.runtime.plain import plain, shortened
from edgeconv.summary.row import Unread

#: Entries of the folders given that are looked at.
_MOST_ENTRIES = 200_000


@dataclass(frozen=True)
class Given:
    """What is to be read: bundles (folders) and documents (files), and what will not be."""

    bundles: tuple[Path, ...]
    documents: tuple[Path, ...]
    unread: tuple[Unread, ...]


def find(paths: tuple[Path, ...]) -> Given:
    """All that stands in some files and folders, folders in folders too.

    Raises:
        UsageError: one of them is not there, or they hold more than is looked through.
    """
    bundles: dict[Path, None] = {}
    documents: dict[Path, None] = {}
    unread: list[Unread] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: there is no such file or folder; give documents or bundles")
        for number, one in enumerate(_walked(path)):
            if number >= _MOST_ENTRIES:
                raise UsageError(f"{path} holds more than {_MOST_ENTRIES:,} files; give less of it")
            if isinstance(one, Unread):
                unread.append(one)
            elif one.is_dir() and (one == path or not one.is_symlink()):
                bundles[one] = None
            elif why := _hindrance(one):
                unread.append(Unread(_shown(one), why))
            else:
                documents[one] = None
    return Given(tuple(bundles), tuple(documents), tuple(unread))


def _walked(given: Path) -> Iterator[Path | Unread]:
    """Bundles, and files that may be documents; what stands in a bundle is the bundle's.

    Folders that cannot be looked into, or stand too deep for the system to name, are told.
    """
    waiting = [given]
    while waiting:
        path = waiting.pop()
        try:
            is_folder = path.is_dir() and (path == given or not path.is_symlink())
            if is_folder and not is_bundle(path):
                waiting += sorted(path.iterdir(), reverse=True)
            elif is_folder or path == given or path.suffix == ".json":
                yield path
        except OSError as error:
            yield Unread(_shown(path), f"it cannot be looked into: {error.strerror or error}")


def _shown(path: Path) -> str:
    return plain(shortened(str(path)))


def _hindrance(path: Path) -> str:
    if path.is_symlink():
        return "it is a link"
    return "" if stat.S_ISREG(path.lstat().st_mode) else "it is no regular file"
