"""manifest.json: what a bundle holds, where it came from, and how to feed it.

The manifest carries no time, no host and no absolute path: the same inputs give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgeconv.bundle import form
from edgeconv.disk import sha256_of
from edgeconv.documents import Form
from edgeconv.errors import BundleRefused

FILE_NAME = "manifest.json"
FORM = Form(
    what="edgeconv manifest",
    key="format",
    number=7,
    most_bytes=16 * 2**20,
    refusal=BundleRefused,
    remedy="export the net again",
)


def file_table(directory: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file of a bundle but the manifest itself, by its name in it."""
    files = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*")}
    return {
        name: {"bytes": files[name].stat().st_size, "sha256": sha256_of(files[name])}
        for name in sorted(files)
        if name != FILE_NAME and files[name].is_file()
    }


def write(directory: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the manifest in its own order, its numbers finite; gives it as it will be read."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    (directory / FILE_NAME).write_text(text + "\n", encoding="utf-8")
    return dict(json.loads(text))


def read(directory: Path) -> dict[str, Any]:
    """Reads a bundle's manifest and checks its form.

    Raises:
        BundleRefused: there is none, it is no JSON, or it is of a format this version cannot read.
    """
    path = directory / FILE_NAME
    if path.is_symlink():
        raise FORM.refused(path, "it is a link, not a file of the bundle's own")
    try:
        document = FORM.read(path)
    except FileNotFoundError as error:
        raise BundleRefused(f"{directory} is no bundle: it holds no {FILE_NAME}") from error
    except OSError as error:
        why = error.strerror or str(error)
        raise BundleRefused(f"{path} cannot be read: {why}; {FORM.remedy}") from error
    if wrong := form.problem(document):
        raise FORM.refused(path, wrong)
    return document


def require_own_files(
    directory: Path, document: Mapping[str, Any], readable: Iterable[str]
) -> None:
    """Keeps readers inside: of a bundle nothing is opened but files of its own.

    Args:
        directory: the bundle.
        document: its manifest.
        readable: names of all that may be read of a bundle.

    Raises:
        BundleRefused: a file is a link, or its name leaves the directory.
    """
    for name in document["files"]:
        if not form.is_own_name(name) or (directory / name).is_symlink():
            raise BundleRefused(
                f"{directory}: the manifest names {name[:80]!a}, no plain file name"
            )
    for name in (*form.FOLDERS, *readable):
        if (directory / name).is_symlink():  # also where the manifest does not name it
            raise BundleRefused(
                f"{directory}: {name} is a link, and no file of the bundle's own; export it again"
            )


def verify_files(directory: Path, document: Mapping[str, Any]) -> None:
    """Compares every file with its size and SHA-256 in the manifest.

    Raises:
        BundleRefused: a file is missing, or was altered.
    """
    for name, facts in document["files"].items():
        path = directory / name
        if not path.is_file():
            raise BundleRefused(f"{directory}: {name} is missing; export the net again")
        try:
            altered = path.stat().st_size != facts["bytes"] or sha256_of(path) != facts["sha256"]
        except OSError as error:
            why = error.strerror or str(error)
            raise BundleRefused(f"{directory}: {name} cannot be read: {why}") from error
        if altered:
            raise BundleRefused(
                f"{directory}: {name} was altered after the export (its SHA-256 is not the "
                "manifest's); export the net again"
            )
