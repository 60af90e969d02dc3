"""Reads .npz and .npy files from anywhere: every header first, within a budget, then arrays.

NumPy's own reader evaluates headers, allocates what they promise and unpacks pickles. This one
knows what `numpy.savez` and `numpy.save` write of arrays of numbers and refuses all else.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edgeconv.disk import open_regular

MOST_BYTES = 2 * 2**30
"""A file, and all arrays together, may have."""
MOST_ARRAYS = 1000

#: A file may unpack to this, or this many times its size: photos pack to a half, bombs to 1/1000.
_UNPACKED_ANYWAY = 256 * 2**20
_MOST_RATIO = 64
_LONGEST_NAME = 200
_LONGEST_HEADER = 2**16
_MOST_AXES = 16
_STEP = 2**20
#: The longest piece that zipfile may want at once: the list of MOST_ARRAYS entries.
_LONGEST_READ = 4 * 2**20
_HEADER = re.compile(
    rb"\{'descr': '([<>|](?:b1|[iu][1248]|f[248]))', 'fortran_order': (True|False), "
    rb"'shape': \(((?:[0-9]{1,12}, ?)*(?:[0-9]{1,12})?)\), \} *\n"
)


class NotNpz(ValueError):
    """The file holds other things than arrays of numbers, or more than is read; one short line."""


@dataclass(frozen=True)
class Header:
    """What an array is, before it is read.

    Attributes:
        dtype: of numbers or truth values.
        shape: its sizes.
        is_fortran: whether the first axis runs fastest.
        start: bytes before the values.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    is_fortran: bool
    start: int

    @property
    def values_bytes(self) -> int:
        """Of all its values."""
        return math.prod(self.shape) * self.dtype.itemsize


class Npz:
    """An open .npz file whose headers were all checked; a context that closes it.

    Attributes:
        headers: by the arrays' names.
    """

    headers: Mapping[str, Header]

    def __init__(self, path: Path) -> None:
        """Opens a file; raises NotNpz, or OSError where it cannot be read."""
        raw = open_regular(path)
        try:
            self._file = _Bounded(raw)
            self._archive = _archive(self._file)
            self._entries = _entries(self._archive, self._file.size)
            self.headers = {name: self._header(name) for name in self._entries}
        except BaseException:
            raw.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._file.close()

    def read(self, name: str) -> NDArray[Any]:
        """An array, native and in C order; raises NotNpz where it is not what its header says."""
        header = self.headers[name]
        with _told(name), self._archive.open(self._entries[name]) as stream:
            stream.read(header.start)
            values = bytearray()
            while piece := stream.read(_STEP):
                values += piece
        return _array(name, header, values)

    def _header(self, name: str) -> Header:
        entry = self._entries[name]
        with _told(name), self._archive.open(entry) as stream:
            header = _parsed(name, stream)
        if entry.file_size != header.start + header.values_bytes:
            raise NotNpz(
                f"{name} of shape {header.shape} takes {header.values_bytes:,} bytes, its entry "
                f"holds {max(0, entry.file_size - header.start):,}"
            )
        return header


class Npy:
    """An open .npy file as an .npz of one array; a context that closes it.

    Attributes:
        headers: of its array, by the name it is given.
    """

    headers: Mapping[str, Header]

    def __init__(self, path: Path, name: str) -> None:
        """Opens a file; raises NotNpz, or OSError where it cannot be read."""
        self._file = _Bounded(open_regular(path))
        try:
            self.headers = {name: self._header()}
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, name: str) -> NDArray[Any]:
        """The array, native and in C order."""
        header = self.headers[name]
        self._file.seek(header.start)
        values = bytearray()
        while piece := self._file.read(_STEP):
            values += piece
        return _array("it", header, values)

    def _header(self) -> Header:
        if self._file.size > MOST_BYTES:
            raise NotNpz(f"it has {self._file.size:,} bytes, over {MOST_BYTES:,}")
        with _told("it"):
            header = _parsed("it", self._file)
        held = self._file.size - header.start
        if held != header.values_bytes:
            raise NotNpz(
                f"its array of shape {header.shape} takes {header.values_bytes:,} bytes, it holds "
                f"{max(0, held):,}"
            )
        return header


def _array(name: str, header: Header, values: bytearray) -> NDArray[Any]:
    """An array of these bytes, native and in C order."""
    if len(values) != header.values_bytes:
        raise NotNpz(f"{name} holds {len(values):,} bytes of {header.values_bytes:,}")
    array = np.frombuffer(values, header.dtype)
    shaped = array.reshape(header.shape, order="F" if header.is_fortran else "C")
    return np.asarray(shaped, header.dtype.newbyteorder("="), order="C")


class _Bounded(io.BufferedIOBase):
    """A file that gives no more at once than an honest archive needs, whatever its list claims."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.size: int = raw.seek(0, io.SEEK_END)
        raw.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self.size - self._raw.tell())
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > _LONGEST_READ:
            raise NotNpz("its list of entries is too long")
        return bytes(self._raw.read(wanted))

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return int(self._raw.seek(offset, whence))

    def tell(self) -> int:
        return int(self._raw.tell())

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._raw.close()
        super().close()


#: zipfile lets through what its parts raise at lengths, names and dates that cannot be.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    IndexError,
    OverflowError,
    OSError,
)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Raises NotNpz for all that zipfile raises at a damaged archive; `what` is read."""
    try:
        yield
    except NotNpz:
        raise
    except _ZIP_ERRORS as error:
        why = str(error)[:120] or type(error).__name__
        raise NotNpz(f"{what} is damaged ({why})") from error


def _archive(file: _Bounded) -> zipfile.ZipFile:
    if file.size > MOST_BYTES:
        raise NotNpz(f"it has {file.size:,} bytes, over {MOST_BYTES:,}")
    with _told("the archive"):
        return zipfile.ZipFile(file)


def _entries(archive: zipfile.ZipFile, file_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """The archive's entries by the arrays' names; raises NotNpz for what savez does not write."""
    listed = archive.infolist()
    if len(listed) > MOST_ARRAYS:
        raise NotNpz(f"it holds {len(listed)} entries, over {MOST_ARRAYS}")
    found = {}
    for entry in listed:
        name = entry.filename.removesuffix(".npy")
        if name == entry.filename or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise NotNpz(f"the entry {entry.filename[:40]!a} is no array")
        if name in found:
            raise NotNpz(f"{name} stands in it twice")
        if entry.flag_bits & 1:
            raise NotNpz(f"{name} is encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotNpz(f"{name} is packed by method {entry.compress_type}, not stored or deflate")
        found[name] = entry
    unpacked = sum(entry.file_size for entry in listed)
    most = min(MOST_BYTES, max(_UNPACKED_ANYWAY, _MOST_RATIO * file_bytes))
    if unpacked > most:
        raise NotNpz(f"it unpacks to {unpacked:,} bytes, over {most:,}")
    return found


def _parsed(name: str, stream: Any) -> Header:
    """An array's header, from the beginning of its entry."""
    begin = stream.read(8)
    if begin[:6] != b"\x93NUMPY" or begin[6:] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise NotNpz(f"{name} is no array of NumPy's")
    form = "<H" if begin[6] == 1 else "<I"
    size_bytes = struct.calcsize(form)
    (length,) = struct.unpack(form, stream.read(size_bytes))
    told = _HEADER.fullmatch(stream.read(length)) if length <= _LONGEST_HEADER else None
    if told is None:
        raise NotNpz(f"{name} has a header of another kind than arrays of numbers have")
    shape = tuple(int(size) for size in told[3].replace(b" ", b"").split(b",") if size)
    if len(shape) > _MOST_AXES or 0 in shape:
        raise NotNpz(f"{name} has {len(shape)} axes, over {_MOST_AXES}, or no values")
    if len(shape) == 1 and not told[3].endswith(b","):
        raise NotNpz(f"{name} has a header of another kind than arrays of numbers have")
    start = len(begin) + size_bytes + length
    return Header(np.dtype(told[1].decode()), shape, told[2] == b"True", start)
