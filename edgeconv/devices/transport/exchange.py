"""One process on the host whose pipes lead to a device: fed, read, and ended in any case."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Protocol

from edgeconv.errors import DeviceUnreachable

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


def start(command: Sequence[str], env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    """Starts a program in a process group of its own, with a pipe on each stream.

    Raises:
        DeviceUnreachable: it cannot be started.
    """
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        raise DeviceUnreachable(f"{command[0]} cannot be started: {error.strerror}") from error


def exchange(
    command: Sequence[str],
    stdin: Readable,
    feeds: Feeds,
    *,
    deadline: float,
    env: Mapping[str, str] | None = None,
    keep_open: bool = True,
) -> int | None:
    """Runs a command on the host, feeds it, and hands out what it writes.

    Args:
        command: program and arguments.
        stdin: what it reads; its pipe stays open afterwards (`keep_open`) until all is over.
        feeds: who takes its output.
        deadline: on `time.monotonic`'s clock.
        env: its environment; None inherits this one's.
        keep_open: False closes its standard input after the last byte.

    Returns:
        Its exit code where it came to its own end, None where a feed had enough.

    Raises:
        DeadlinePassed: it was killed at the deadline.
        DeviceUnreachable: it cannot be started.
    """
    process = start(command, env)
    try:
        if not pump(process, stdin, feeds, deadline=deadline, keep_open=keep_open):
            return None
        with suppress(subprocess.TimeoutExpired):
            return process.wait(max(0.0, deadline - time.monotonic()))
        raise DeadlinePassed
    finally:
        end(process)


def pump(
    process: subprocess.Popen[bytes],
    stdin: Readable,
    feeds: Feeds,
    *,
    deadline: float,
    keep_open: bool = True,
) -> bool:
    """Feeds and reads until a feed has enough (False) or both outputs are closed (True).

    Raises:
        DeadlinePassed: neither came about in time.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
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
        while reading:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeadlinePassed
            for key, _ in selector.select(left):
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


def end(process: subprocess.Popen[bytes], grace_s: float = 0.0) -> None:
    """Closes a process's input, kills its group after `grace_s`, and collects its exit code."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.close()
    if process.returncode is None:
        give_up = time.monotonic() + grace_s
        waiting = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while time.monotonic() < give_up and os.waitid(os.P_PID, process.pid, waiting) is None:
            time.sleep(0.01)
        # The group's number is nobody else's until the exit code is collected.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    process.stdout.close()
    process.stderr.close()
