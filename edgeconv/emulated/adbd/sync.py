"""The service `sync`: files there and back, and directories to look at.

A request is four letters, a length and a path. STAT, LIST and RECV only read; SEND carries
`path,mode` and then DATA pieces up to DONE, whose number is the file's time.
"""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path
from typing import BinaryIO

from edgeconv.emulated.adbd.channel import Channel

_HEAD = struct.Struct("<4sI")
_STATUS = struct.Struct("<3I")
_MOST_PATH = 4096
_MOST_PIECE = 65536
_NUMBER = 0xFFFFFFFF


async def serve(channel: Channel) -> None:
    """Answers requests until the client quits, or asks what is not known here."""
    while True:
        kind, length = await _head(channel)
        if kind == b"QUIT":
            return None
        if length > _MOST_PATH:
            return await _fail(channel, "the path is too long")
        path = os.fsdecode(await channel.read_exactly(length))
        if kind == b"STAT":
            await channel.write(b"STAT" + _status(path))
        elif kind == b"LIST":
            await channel.write(_listing(path))
        elif kind == b"SEND":
            await _receive(channel, path)
        elif kind == b"RECV":
            await _send(channel, path)
        else:
            return await _fail(channel, "unknown request")


async def _receive(channel: Channel, request: str) -> None:
    """Writes a file; what cannot be written is read to its end all the same, then refused."""
    path, _, mode = request.rpartition(",")
    file: BinaryIO | None = None
    refusal = None
    try:
        file = _create(Path(path), int(mode) & 0o777)
    except (OSError, ValueError) as error:
        refusal = f"couldn't create file: {_reason(error)}"
    while True:
        kind, number = await _head(channel)
        if kind == b"DONE":
            break
        if kind != b"DATA" or number > _MOST_PIECE:
            return await _fail(channel, "invalid data message")
        data = await channel.read_exactly(number)
        try:
            if file is not None and refusal is None:
                file.write(data)
        except OSError as error:
            refusal = f"write failed: {_reason(error)}"
    refusal = _finish(file, Path(path), number, refusal)
    if refusal is not None:
        return await _fail(channel, refusal)
    return await channel.write(_HEAD.pack(b"OKAY", 0))


def _create(path: Path, mode: int) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    file = path.open("xb", buffering=0)
    os.fchmod(file.fileno(), mode or 0o644)
    return file


def _finish(file: BinaryIO | None, path: Path, time: int, refusal: str | None) -> str | None:
    if file is None:
        return refusal
    try:
        file.close()
        os.utime(path, (time, time))
    except OSError as error:
        return refusal or f"write failed: {_reason(error)}"
    return refusal


async def _send(channel: Channel, path: str) -> None:
    try:
        file = Path(path).open("rb", buffering=0)  # noqa: SIM115  # closed below
    except OSError as error:
        return await _fail(channel, f"open failed: {_reason(error)}")
    with file:
        while data := file.read(_MOST_PIECE):
            await channel.write(_HEAD.pack(b"DATA", len(data)) + data)
    return await channel.write(_HEAD.pack(b"DONE", 0))


def _listing(path: str) -> bytes:
    try:
        names = [".", "..", *sorted(found.name for found in Path(path).iterdir())]
    except OSError:
        names = []
    entries = bytearray()
    for name in names:
        shown = os.fsencode(name)
        entries += b"DENT" + _status(f"{path}/{name}") + struct.pack("<I", len(shown)) + shown
    return bytes(entries) + b"DONE" + bytes(16)


def _status(path: str) -> bytes:
    """Mode, size and time; zeros where there is nothing."""
    try:
        found = os.lstat(path)
    except OSError:
        return _STATUS.pack(0, 0, 0)
    size = min(found.st_size, _NUMBER) if stat.S_ISREG(found.st_mode) else 0
    return _STATUS.pack(found.st_mode, size, int(found.st_mtime) & _NUMBER)


async def _head(channel: Channel) -> tuple[bytes, int]:
    kind, number = _HEAD.unpack(await channel.read_exactly(_HEAD.size))
    return kind, number


async def _fail(channel: Channel, message: str) -> None:
    text = message.encode()
    await channel.write(_HEAD.pack(b"FAIL", len(text)) + text)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or "unknown error"
