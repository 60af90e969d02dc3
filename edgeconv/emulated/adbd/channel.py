"""One service's two-way stream of bytes inside of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edgeconv.emulated.adbd.messages import Command, Message


class Channel:
    """A stream that the client opened.

    Each side sends one message and waits for OKAY before the next, so that nobody has to store more
    than one message a channel.

    Attributes:
        closed: whether the client closed it, or the connection is gone.
    """

    def __init__(
        self, send: Callable[[Message], None], local: int, remote: int, most_data: int
    ) -> None:
        self._send = send
        self._local = local
        self._remote = remote
        self._most_data = most_data
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        self._left = b""
        self._acknowledged = asyncio.Event()
        self.closed = False

    async def read(self) -> bytes:
        """Some bytes from the client, b"" once it closed the channel."""
        if self._left:
            data, self._left = self._left, b""
            return data
        if self.closed and self._received.empty():
            return b""
        data = await self._received.get()
        if data:
            self._send(Message(Command.OKAY, self._local, self._remote))
        return data

    async def read_exactly(self, length: int) -> bytes:
        """That many bytes from the client; raises EOFError where it closes the channel before."""
        data = bytearray()
        while len(data) < length:
            piece = await self.read()
            if not piece:
                raise EOFError
            data += piece
        self._left = bytes(data[length:]) + self._left
        return bytes(data[:length])

    async def write(self, data: bytes) -> None:
        """Sends bytes to the client; raises BrokenPipeError once it closed the channel."""
        for start in range(0, len(data), self._most_data):
            if self.closed:
                raise BrokenPipeError
            self._acknowledged.clear()
            piece = data[start : start + self._most_data]
            self._send(Message(Command.WRTE, self._local, self._remote, piece))
            await self._acknowledged.wait()

    def take(self, data: bytes) -> None:
        """The connection got bytes for this channel."""
        self._received.put_nowait(data)

    def acknowledge(self) -> None:
        """The client took what was written last."""
        self._acknowledged.set()

    def hang_up(self) -> None:
        """The client closed it: whoever reads or writes is told."""
        self.closed = True
        self._acknowledged.set()
        self._received.put_nowait(b"")
