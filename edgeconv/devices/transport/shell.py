"""What a transport to a remote shell has in common, whichever program leads there."""

from __future__ import annotations

import io
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from edgeconv.devices.transport import envelope, transfer
from edgeconv.devices.transport.base import (
    COMMAND_DEADLINE_S,
    MOST_OUTPUT_BYTES,
    Completed,
    Transport,
)
from edgeconv.devices.transport.exchange import DeadlinePassed, Feeds, Readable, exchange
from edgeconv.devices.transport.watch import ANSWER_WITHIN_S, SILENCE_S, Watch
from edgeconv.disk import write_whole
from edgeconv.errors import ConnectionLost, DeviceFailed, EdgeconvError

#: How much later than the host the device itself gives a command up.
_LATER_S = 5

_T = TypeVar("_T")


@dataclass(frozen=True)
class Command:
    """A program to run there, as `Transport.run` takes it, with a stream for standard input."""

    arguments: Sequence[str]
    stdin: Readable = field(default_factory=io.BytesIO)
    stdin_bytes: int = 0
    deadline_s: float = COMMAND_DEADLINE_S
    most_output: int = MOST_OUTPUT_BYTES


class ShellTransport(Transport):
    """Runs programs in the envelope's remote command, over whatever carries it."""

    _silence_s: float = SILENCE_S
    _answer_s: float = ANSWER_WITHIN_S

    @abstractmethod
    def _unanswered(self) -> str | None:
        """Asks whether the way there works; gives the question where no answer comes in time.

        The connection is given up then, so that nobody waits for it again.
        """

    @abstractmethod
    def _carrier(self, remote: str) -> list[str]:
        """The host's command line that runs a remote one, once connected (DeviceUnreachable)."""

    @abstractmethod
    def _lost(self, stderr: bytes, code: int | None, begun: bool) -> EdgeconvError:
        """Why the end of a command never came."""

    def _environment(self) -> Mapping[str, str] | None:
        """Of the program that leads to the device; None is this process's own."""
        return None

    def watch(self, what: str) -> Watch:
        """See Transport."""
        return Watch(what, self._unanswered, self._silence_s)

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        deadline_s: float = COMMAND_DEADLINE_S,
        most_output: int = MOST_OUTPUT_BYTES,
    ) -> Completed:
        """See Transport."""
        stream = io.BytesIO(stdin)
        return self._run(Command(arguments, stream, len(stdin), deadline_s, most_output))

    def push(self, local: Path, remote: str) -> None:
        """See Transport. The file is the user's alone, and may be run where `local` may."""
        file = transfer.local_file(local, remote)
        self._twice(lambda: self._push(file))

    def pull(self, remote: str, local: Path, *, most_bytes: int) -> None:
        """See Transport. `local` is written whole or not at all."""
        write_whole(local, self._twice(lambda: self._pull(remote, most_bytes)))

    def command(self, arguments: Sequence[str]) -> list[str]:
        """See Transport."""
        return self._carrier(envelope.streaming(arguments))

    def command_end(self, code: int, stderr: bytes) -> tuple[int | None, bytes]:
        """See Transport."""
        del code  # ssh's and adb's own failures have numbers that programs use too
        return envelope.streamed_end(stderr)

    def _run(self, command: Command) -> Completed:
        what = f"{self.address}: {_named(command.arguments)}"
        deadline = time.monotonic() + command.deadline_s
        marker = envelope.new_marker()
        limit_s = math.ceil(command.deadline_s) + _LATER_S
        remote = envelope.bounded(command.arguments, marker, command.stdin_bytes, limit_s)
        reply = self._reply(marker, command.most_output, what)
        try:
            code = exchange(
                self._carrier(remote),
                command.stdin,
                Feeds(reply.feed, reply.feed_stderr),
                deadline=deadline,
                env=self._environment(),
                watch=self.watch(f"{self.address}: the end of {_named(command.arguments)}"),
            )
        except DeadlinePassed:
            raise DeviceFailed(
                f"{what} did not end within {command.deadline_s:g} s, and was killed"
            ) from None
        done = reply.completed()
        if done is None:
            raise self._lost(reply.stderr, code, reply.begun)
        return done

    def _reply(self, marker: str, most_output: int, what: str) -> envelope.Reply:
        """Reads what comes back."""
        return envelope.Reply(marker, most_output, what)

    def _connection_lost(self, stderr: bytes, begun: bool) -> ConnectionLost:
        where = "while a command ran there" if begun else "before a command began"
        return ConnectionLost(
            f"{self.address}: the connection was lost {where}{envelope.last_words(stderr)}"
        )

    def _push(self, file: transfer.LocalFile) -> None:
        deadline_s = transfer.deadline_s(file.size)
        deadline = time.monotonic() + deadline_s
        told = self.run(transfer.look(file), deadline_s=deadline_s)
        if transfer.is_there(file, told, self.address):
            return
        try:
            self._send(file, max(1.0, deadline - time.monotonic()))
        except ConnectionLost:
            raise  # the second attempt writes over the part
        except DeviceFailed:
            with suppress(EdgeconvError):
                self.run(["rm", "-f", file.part])
            raise

    def _send(self, file: transfer.LocalFile, deadline_s: float) -> None:
        with file.open() as source:
            done = self._run(Command(transfer.receive(file), source, file.size, deadline_s))
        transfer.check_received(file, done, self.address)

    def _pull(self, remote: str, most_bytes: int) -> bytes:
        told = self.run(
            transfer.give(remote, most_bytes),
            deadline_s=transfer.deadline_s(most_bytes),
            most_output=most_bytes + transfer.HEADER_BYTES,
        )
        return transfer.content(told, remote, most_bytes, self.address)

    def _twice(self, attempt: Callable[[], _T]) -> _T:
        """Once more after a lost connection: for what does no harm when done twice."""
        try:
            return attempt()
        except ConnectionLost:
            return attempt()


def _named(arguments: Sequence[str]) -> str:
    """The program, for a message: a script is not shown."""
    words = [word if len(word) <= 40 and word.isprintable() else "..." for word in arguments[:3]]
    return f"`{' '.join(words)}{' ...' if len(arguments) > 3 else ''}`"
