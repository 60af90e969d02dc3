"""One process on the host whose pipes lead to a device: fed, read, and ended in any case."""

from __future__ import annotations

import io
import math
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Protocol

from edgeconv.devices.transport.base import Completed
from edgeconv.devices.transport.watch import Watch
from edgeconv.errors import DeviceFailed, DeviceUnreachable

#: How much of standard error is kept: its end.
KEPT_STDERR_BYTES = 64 * 2**10
_CHUNK = 65536


class DeadlinePassed(Exception):
    """The process was still at it when its time was over."""


class Readable(Protocol):
    """Whatever bytes are read from, a piece at a time; an empty one is the end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        ...


@dataclass(frozen=True)
class Feeds:
    """Who takes what the process writes; each gives True once no more is wanted."""

    stdout: Callable[[bytes], bool]
    stderr: Callable[[bytes], bool]


class Piped(subprocess.Popen[bytes]):
    """A program in a process group of its own, with a pipe on each stream."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Starts it (DeviceUnreachable); an `env` of None is this process's own."""
        pipe = subprocess.PIPE
        try:
            super().__init__(
                list(command),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env=env,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise DeviceUnreachable(f"{command[0]} cannot be started: {error.strerror}") from error

    def wait_until(self, deadline: float) -> int:
        """Its exit code; raises DeadlinePassed where it has none by then."""
        try:
            return self.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise DeadlinePassed from None

    def end(self, grace_s: float = 0.0) -> None:
        """Kills its group after `grace_s`, and collects its exit code; may be called twice."""
        if self.returncode is None:
            give_up = time.monotonic() + grace_s
            waiting = os.WEXITED | os.WNOHANG | os.WNOWAIT
            while time.monotonic() < give_up and os.waitid(os.P_PID, self.pid, waiting) is None:
                time.sleep(0.01)
            # The group's number is nobody else's until the exit code is collected. On macOS a
            # group of zombies may not be hit.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()
        for pipe in (self.stdin, self.stdout, self.stderr):
            pipe.close()


class Heard:
    """What a process wrote: all of standard output, up to a limit, and the end of standard error.

    Args:
        what: the process, for messages.
        most: bytes it may write to standard output.
    """

    def __init__(self, what: str, most: int) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._what = what
        self._most = most

    @property
    def feeds(self) -> Feeds:
        """Who takes its output."""
        return Feeds(self.take, self.take_stderr)

    def take(self, data: bytes) -> bool:
        """Takes standard output; raises DeviceFailed where it is too much."""
        self.stdout += data
        if len(self.stdout) > self._most:
            raise DeviceFailed(
                f"{self._what} wrote more than the {self._most} bytes it may, and was killed"
            )
        return False

    def take_stderr(self, data: bytes) -> bool:
        """Takes standard error, and keeps its end."""
        self.stderr += data
        del self.stderr[:-KEPT_STDERR_BYTES]
        return False


def run_here(
    command: Sequence[str],
    what: str,
    *,
    deadline: float,
    stdin: bytes = b"",
    most: int,
    watch: Watch | None = None,
) -> Completed:
    """Runs a program on the host to its end, with `stdin` for its standard input.

    `what` and `most` are those of `Heard`.

    Raises:
        DeadlinePassed, DeviceSilent, DeviceUnreachable: as `exchange`.
        DeviceFailed: it wrote too much.
    """
    heard, process = Heard(what, most), Piped(command)
    try:
        source = io.BytesIO(stdin)
        pump(process, source, heard.feeds, deadline=deadline, keep_open=False, watch=watch)
        code = process.wait_until(deadline)
    finally:
        process.end()
    return Completed(code if code >= 0 else 128 - code, bytes(heard.stdout), bytes(heard.stderr))


def exchange(
    command: Sequence[str],
    stdin: Readable,
    feeds: Feeds,
    *,
    deadline: float,
    env: Mapping[str, str] | None = None,
    watch: Watch | None = None,
) -> int | None:
    """Runs a command on the host, feeds it, and hands out what it writes.

    Args:
        command: program and arguments.
        stdin: what it reads; its pipe stays open afterwards until all is over.
        feeds: who takes its output.
        deadline: on `time.monotonic`'s clock.
        env: its environment; None inherits this one's.
        watch: asked while it is silent.

    Returns:
        Its exit code where it came to its own end, None where a feed had enough.

    Raises:
        DeadlinePassed: it was killed at the deadline.
        DeviceSilent: the watch found that nothing will come any more.
        DeviceUnreachable: it cannot be started.
    """
    process = Piped(command, env)
    try:
        if pump(process, stdin, feeds, deadline=deadline, watch=watch):
            return process.wait_until(deadline)
        return None
    finally:
        process.end()


def pump(
    process: Piped,
    stdin: Readable,
    feeds: Feeds,
    *,
    deadline: float,
    keep_open: bool = True,
    watch: Watch | None = None,
) -> bool:
    """Feeds and reads until a feed has enough (False) or both outputs are closed (True).

    Standard input stays open after the last byte, but where `keep_open` is False.

    Raises:
        DeadlinePassed: neither came about in time.
        DeviceSilent: the watch, asked whenever nothing moves for a while, found it in vain.
    """
    writer = _Writer(process.stdin, stdin, keep_open)
    with selectors.DefaultSelector() as selector:
        takers: dict[IO[bytes], Callable[[bytes], bool]] = {
            process.stdout: feeds.stdout,
            process.stderr: feeds.stderr,
        }
        for pipe in takers:
            selector.register(pipe, selectors.EVENT_READ)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        reading = len(takers)
        silence_s = math.inf if watch is None else watch.silence_s
        look_at = time.monotonic() + silence_s
        while reading:
            if watch and time.monotonic() >= look_at:
                watch.look(process.pid)
                look_at = time.monotonic() + silence_s
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeadlinePassed
            ready = selector.select(max(0.0, min(left, look_at - time.monotonic())))
            if ready:
                look_at = time.monotonic() + silence_s
            for key, _ in ready:
                pipe = key.fileobj  # type: ignore[assignment]  # what was registered
                if pipe is process.stdin:
                    if writer.is_done():
                        selector.unregister(pipe)
                    continue
                data = os.read(key.fd, _CHUNK)
                if not data:
                    selector.unregister(pipe)
                    reading -= 1
                elif takers[pipe](data):
                    return False
    return True


class _Writer:
    """Writes a stream to a pipe, a piece whenever there is room."""

    def __init__(self, pipe: IO[bytes], source: Readable, keep_open: bool) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self._source = source
        self._keep_open = keep_open
        self._pending = b""

    def is_done(self) -> bool:
        """Writes what there is room for; True once all is written or nobody reads any more."""
        self._pending = self._pending or self._source.read(_CHUNK)
        if not self._pending:
            if not self._keep_open:
                self._pipe.close()
            return True
        try:
            self._pending = self._pending[os.write(self._pipe.fileno(), self._pending) :]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            return True
        return False
