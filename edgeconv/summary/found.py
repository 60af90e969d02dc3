"""Finds what is given: documents, bundles, and folders of both. Links lead nowhere."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeconv.bundle.bundle import is_bundle
from edgeconv.errors import UsageError
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
            if one.is_dir():
                bundles[one] = None
            elif why := _hindrance(one):
                unread.append(Unread(str(one), why))
            else:
                documents[one] = None
    return Given(tuple(bundles), tuple(documents), tuple(unread))


def _walked(path: Path) -> Iterator[Path]:
    """Bundles, and files that may be documents; what stands in a bundle is the bundle's."""
    if not path.is_dir():
        yield path
        return
    if is_bundle(path):
        yield path
        return
    for one in sorted(path.iterdir()):
        if one.is_symlink():
            if one.suffix == ".json":
                yield one
        elif one.is_dir():
            yield from _walked(one)
        elif one.suffix == ".json":
            yield one


def _hindrance(path: Path) -> str:
    if path.is_symlink():
        return "it is a link"
    return "" if stat.S_ISREG(path.lstat().st_mode) else "it is no regular file"
