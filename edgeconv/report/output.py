"""Files of results, written whole or not at all, where they can be written."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from edgeconv.errors import OutputUnwritable


def check_writable(*paths: Path | None) -> None:
    """Finds before the work what would keep its result from being written; None is nowhere.

    Raises:
        OutputUnwritable: a path is a directory, or its folder is missing or closed to writing.
    """
    for path in paths:
        if path is None:
            continue
        try:
            problem = _problem(path)
        except OSError as error:
            problem = error.errno or errno.EIO
        if problem:
            raise _unwritable(path, os.strerror(problem))


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file beside its place, then renames it; what is no file, such as a pipe, directly.

    Raises:
        OutputUnwritable: the file cannot be written there.
    """
    check_writable(path)
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        _replace(path, content)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _problem(path: Path) -> int:
    """The error that writing would end with; 0 where none is to be seen."""
    if path.is_dir():
        return errno.EISDIR
    path.parent.stat()  # raises what opening the file would
    if not path.parent.is_dir():
        return errno.ENOTDIR
    if path.exists() and not path.is_file():
        return 0 if os.access(path, os.W_OK) else errno.EACCES
    return 0 if os.access(path.parent, os.W_OK) else errno.EACCES


def _unwritable(path: Path, why: str) -> OutputUnwritable:
    return OutputUnwritable(f"{path} cannot be written: {why}; name a file in a folder that exists")
