"""Files and folders as bytes that travel between machines, kept at the other end by their hash."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Iterable
from pathlib import Path

from edgeconv.disk import cache_directory, unfinished
from edgeconv.sweep.cell import Given

#: The same bytes for the same files.
_TIME = (1980, 1, 1, 0, 0, 0)


def packed(paths: Iterable[Path]) -> bytes:
    """A ZIP of files, and of folders with all below; names begin with theirs. Nothing is squeezed.

    Raises:
        OSError: one cannot be read.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as pack:
        for path in paths:
            inside = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in inside:
                if file.is_file():
                    name = file.relative_to(path.parent).as_posix()
                    pack.writestr(zipfile.ZipInfo(name, _TIME), file.read_bytes())
    return buffer.getvalue()


def unpack(pack: bytes, folder: Path) -> None:
    """Writes what is packed into a folder, whole or not at all.

    Raises:
        OSError: it cannot be written, or something stands there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.parent / f".{secrets.token_hex(8)}.part"
    with unfinished(part):
        with zipfile.ZipFile(io.BytesIO(pack)) as held:
            held.extractall(part)  # which takes names that lead out of it for names in it
        part.rename(folder)


def pack_of(given: Given) -> bytes:
    """A file among a verb's words, with what belongs to it; raises as `packed`."""
    return packed((given.path, *given.also))


def is_placed(given: Given) -> bool:
    """Whether this machine has the file from before."""
    return _folder(given).is_dir()


def placed(given: Given, pack: bytes | None) -> Path:
    """The folder in this user's cache where the file lies; unpacked there once.

    Args:
        given: the file.
        pack: its bytes; None where `is_placed`.

    Raises:
        OSError: it cannot be written.
    """
    folder = _folder(given)
    if pack is not None and not is_placed(given):
        try:
            unpack(pack, folder)
        except OSError:
            if not is_placed(given):  # else another cell has put it there meanwhile
                raise
    return folder


def _folder(given: Given) -> Path:
    return cache_directory() / "sweep" / given.digest
