"""adb's messages: a header of six 32-bit numbers, little-endian, and a body.

command, first argument, second argument, body's length, sum of the body's bytes, ~command
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from enum import IntEnum


class Command(IntEnum):
    """What a message says; the number is its name's four letters."""

    CNXN = int.from_bytes(b"CNXN", "little")
    AUTH = int.from_bytes(b"AUTH", "little")
    OPEN = int.from_bytes(b"OPEN", "little")
    OKAY = int.from_bytes(b"OKAY", "little")
    CLSE = int.from_bytes(b"CLSE", "little")
    WRTE = int.from_bytes(b"WRTE", "little")


#: The protocol's version and the largest body this side takes.
VERSION = 0x01000001
MOST_DATA = 256 * 1024

_HEADER = struct.Struct("<6I")
_MASK = 0xFFFFFFFF


class ProtocolError(Exception):
    """The other side does not speak adb."""


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        command: what it says.
        first: its first argument: usually the sender's number of the channel.
        second: its second argument: usually the receiver's number of the channel.
        data: its body.
    """

    command: Command
    first: int
    second: int
    data: bytes = b""

    def encode(self) -> bytes:
        """As it goes over the wire."""
        length, total = len(self.data), sum(self.data) & _MASK
        header = (self.command, self.first, self.second, length, total, self.command ^ _MASK)
        return _HEADER.pack(*header) + self.data


async def read_message(reader: asyncio.StreamReader) -> Message:
    """The next message.

    Raises:
        asyncio.IncompleteReadError: the connection ended.
        ProtocolError: it is none, or larger than allowed.
    """
    header = await reader.readexactly(_HEADER.size)
    command, first, second, length, _, inverse = _HEADER.unpack(header)
    if inverse != command ^ _MASK or length > MOST_DATA:
        raise ProtocolError("no adb message")
    try:
        known = Command(command)
    except ValueError:
        raise ProtocolError("a message of an unknown kind") from None
    return Message(known, first, second, await reader.readexactly(length))
