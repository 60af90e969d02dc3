"""The services `shell` and `exec`: a command, its streams, and with shell_v2 its exit code."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from edgeconv.emulated.adbd.channel import Channel

Work = Coroutine[Any, Any, None]

#: Kinds of packets on a shell_v2 channel: one byte, then the length in four, then the data.
_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN, _WINDOW_SIZE = range(6)
_PACKET = struct.Struct("<BI")
_CHUNK = 65536
_MOST_PACKET = 2**20
#: How long a command whose client is gone may take to end by itself.
_GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class Request:
    """What the client asked for.

    Attributes:
        command: for the shell; empty for a shell to type into.
        raw: `exec`: the command's output and nothing else.
        flags: of the service's name: `v2`, `raw`, `pty`, `TERM=...`.
    """

    command: str
    raw: bool
    flags: frozenset[str]

    @property
    def framed(self) -> bool:
        """Whether streams and the exit code come in packets."""
        return "v2" in self.flags

    @property
    def terminal(self) -> bool:
        """Whether the command sees a terminal."""
        return not self.raw and ("pty" in self.flags or not self.command)


async def serve(
    channel: Channel, request: Request, shell: str, environment: Mapping[str, str]
) -> None:
    """Runs the command, and ends it when the client goes.

    What it left in the background when it ended by itself goes on, as on a phone.
    """
    arguments = [shell, "-c", request.command] if request.command else [shell]
    if request.terminal:
        await _on_terminal(channel, request, arguments, environment)
    else:
        await _on_pipes(channel, request, arguments, environment)


async def _on_pipes(
    channel: Channel, request: Request, arguments: list[str], environment: Mapping[str, str]
) -> None:
    pipe, merged = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe if request.framed else merged,
        env=environment,
        start_new_session=True,
        preexec_fn=_hear_signals,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    pumps = [_pump(channel, request, process.stdout, _STDOUT)]
    if process.stderr is not None:
        pumps.append(_pump(channel, request, process.stderr, _STDERR))
    feeding = asyncio.create_task(_feed(channel, request, process.stdin, process.pid))
    try:
        await asyncio.gather(*pumps)
        await _say_exit(channel, request, await process.wait())
    finally:
        feeding.cancel()
        await _end(process)


async def _on_terminal(
    channel: Channel, request: Request, arguments: list[str], environment: Mapping[str, str]
) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": _terminal_name(request)},
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(theirs)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    reading, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(ours), "rb", 0)
    )
    feeding = asyncio.create_task(_type(channel, request, ours, process.pid))
    try:
        with suppress(OSError):  # the terminal is gone: EIO instead of an end
            await _pump(channel, request, reader, _STDOUT)
        await _say_exit(channel, request, await process.wait())
    finally:
        feeding.cancel()
        reading.close()
        os.close(ours)
        await _end(process)


async def _pump(
    channel: Channel, request: Request, source: asyncio.StreamReader, kind: int
) -> None:
    while data := await source.read(_CHUNK):
        await channel.write(_packet(kind, data) if request.framed else data)


async def _say_exit(channel: Channel, request: Request, code: int) -> None:
    if request.framed and not channel.closed:
        shown = code if code >= 0 else 128 - code
        await channel.write(_packet(_EXIT, bytes([shown & 255])))


async def _feed(channel: Channel, request: Request, stdin: asyncio.StreamWriter, pid: int) -> None:
    """The client's bytes go to standard input; the client's end is the command's."""
    with suppress(EOFError, BrokenPipeError, ConnectionError):
        while not channel.closed:
            kind, data = await _next(channel, request)
            if kind == _STDIN:
                stdin.write(data)
                await stdin.drain()
            elif kind == _CLOSE_STDIN:
                stdin.close()
    stdin.close()
    if channel.closed:
        await _hang_up(pid)


async def _type(channel: Channel, request: Request, terminal: int, pid: int) -> None:
    with suppress(EOFError, OSError, ValueError):
        while not channel.closed:
            kind, data = await _next(channel, request)
            if kind == _STDIN:
                os.write(terminal, data)
            elif kind == _WINDOW_SIZE:
                rows, columns = (int(number) for number in data.split(b",")[0].split(b"x"))
                size = struct.pack("4H", rows & 0xFFFF, columns & 0xFFFF, 0, 0)
                fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    await _hang_up(pid)


async def _next(channel: Channel, request: Request) -> tuple[int, bytes]:
    """The next packet, or raw bytes as if they came in one; raises EOFError at the end."""
    if request.framed:
        kind, length = _PACKET.unpack(await channel.read_exactly(_PACKET.size))
        if length > _MOST_PACKET:
            raise EOFError
        return kind, await channel.read_exactly(length)
    data = await channel.read()
    if not data:
        raise EOFError
    return _STDIN, data


async def _hang_up(pid: int) -> None:
    """Tells a command's process group that its client is gone, and kills what stays all the same.

    A silent command that ignores the signal would otherwise hold its pipes, and so this service,
    until the connection's end.
    """
    _signal_group(pid, signal.SIGHUP)
    await asyncio.sleep(_GRACE_SECONDS)
    _signal_group(pid, signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kills a command's process group where the command has not ended by itself."""
    if process.returncode is not None:
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
    _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _packet(kind: int, data: bytes) -> bytes:
    return _PACKET.pack(kind, len(data)) + data


def _terminal_name(request: Request) -> str:
    named = (flag[5:] for flag in request.flags if flag.startswith("TERM="))
    return next(named, "dumb")


def _hear_signals() -> None:
    """On a phone no command starts deaf, whatever `nohup` or a script made of this process."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _take_terminal() -> None:
    _hear_signals()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
