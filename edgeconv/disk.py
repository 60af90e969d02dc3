"""The disk: where edgeconv keeps things, files written whole or not at all, digests of files."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edgeconv.errors import OutputUnwritable

#: Windows alone translates ends of lines where it is not told otherwise.
_BINARY = getattr(os, "O_BINARY", 0)


def cache_directory() -> Path:
    """Where what was fetched or built is kept: $XDG_CACHE_HOME/edgeconv, by default in ~/.cache.

    It may not exist yet.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "edgeconv"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_regular(path: Path) -> BinaryIO:
    """Opens a file to read; what is no regular one is not waited for: a pipe, a device, a folder.

    Raises:
        OSError: it cannot be opened, or is none.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bounded(path: Path, most_bytes: int) -> bytes | None:
    """The bytes of a regular file; None where there are more than `most_bytes`, which are not read.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most_bytes:
            return None
        content = file.read(most_bytes + 1)  # it may grow meanwhile, as files in /proc do
    return content if len(content) <= most_bytes else None


def key_of(*parts: str | Path) -> str:
    """16 hexadecimal digits that name all of these together: words, and files by their bytes."""
    known = hashlib.sha256()
    for part in parts:
        known.update(part.encode() if isinstance(part, str) else part.read_bytes())
    return known.hexdigest()[:16]


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yields a path beside `path`; the file written there takes its place where nothing is raised.

    Raises:
        OutputUnwritable: the file cannot be written, or its disk is full.
    """
    part = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        with _unwritable(path):
            yield part
            part.replace(path)
    finally:
        with suppress(OSError):  # where nothing could be written there is nothing to remove
            part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; into what is no file, such as a pipe, directly.

    Raises:
        OutputUnwritable: it cannot be written there.
    """
    with _unwritable(path):
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
    with written_whole(path) as part:
        part.write_bytes(content)


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
            raise OutputUnwritable(
                f"{path} cannot be written: {os.strerror(problem)}; name a file in a folder that "
                "exists"
            )


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


@contextmanager
def _unwritable(path: Path) -> Iterator[None]:
    """Raises OutputUnwritable for what the system says against writing a file."""
    try:
        yield
    except OSError as error:
        raise OutputUnwritable(f"{path} cannot be written: {error.strerror or error}") from error
