"""The disk: where edgeconv keeps things, regular files read, files written whole or not at all.

What is read from a path of the user's is opened here: a pipe would be waited for, and a device such
as /dev/zero, or a file of holes, read without end.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from edgeconv.errors import FileRefused, OutputUnwritable

#: No weights and no model that edgeconv reads are larger.
MOST_BYTES = 4 * 2**30
#: How long a pipe may be without a reader.
READER_WITHIN_S = 10.0
_POLL_S = 0.05
#: Windows alone translates ends of lines where it is not told otherwise.
_BINARY = getattr(os, "O_BINARY", 0)

#: What is being written under a name for the time being, by this process.
_unfinished: set[Path] = set()


@contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """What stands at `path` while the block runs, or after it, is removed: directory or file."""
    _unfinished.add(path)
    try:
        yield
    finally:
        _remove(path)
        _unfinished.discard(path)


def remove_unfinished() -> None:
    """For the last moment of a process: an interrupt may come between any two steps of Python."""
    for path in tuple(_unfinished):
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):  # where nothing could be written there is nothing to remove
        path.unlink(missing_ok=True)


def cache_directory() -> Path:
    """Where what was fetched or built is kept: $XDG_CACHE_HOME/edgeconv, by default in ~/.cache.

    It may not exist yet.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "edgeconv"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        FileRefused: it has more than MOST_BYTES, as files of holes may.
        OSError: it cannot be read, or is no regular file.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_BYTES:
            raise FileRefused(f"{path} has {size} bytes; at most {MOST_BYTES} are read")
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_regular(path: Path) -> BufferedReader:
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
    with unfinished(part), _unwritable(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise OutputUnwritable(f"{path} is a pipe or a device; name a regular file")
        yield part
        part.replace(path)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; into what is no file, such as a pipe, directly.

    Raises:
        OutputUnwritable: it cannot be written there, or nobody reads from the pipe.
    """
    with _unwritable(path):
        if path.exists() and not path.is_file():
            with os.fdopen(_opened_by_a_reader(path), "wb") as pipe:
                pipe.write(content)
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


def check_folder(option: str, folder: Path | None) -> None:
    """Raises OutputUnwritable where an option names what is no folder; None is nowhere."""
    if folder is not None and not folder.is_dir():
        raise OutputUnwritable(f"{option} {folder} is no folder; make it first")


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


def _opened_by_a_reader(path: Path) -> int:
    """A descriptor to write to a pipe or device; a pipe without reader is waited for a while."""
    give_up = time.monotonic() + READER_WITHIN_S
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO or not path.is_fifo():
                raise
            if time.monotonic() > give_up:
                raise OutputUnwritable(
                    f"{path} is a pipe that nobody reads from; start its reader first, or name a "
                    "file"
                ) from error
            time.sleep(_POLL_S)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


@contextmanager
def _unwritable(path: Path) -> Iterator[None]:
    """Raises OutputUnwritable for what the system says against writing a file."""
    try:
        yield
    except OSError as error:
        raise OutputUnwritable(f"{path} cannot be written: {error.strerror or error}") from error
