"""The protocol between edgeconv and a device's operating system: run, push, pull, and no more.

A transport knows how commands and files reach a device; it knows nothing of nets. `local`, `ssh`
and `adb` each implement it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from edgeconv.devices.transport.watch import Watch

#: What a command may print before it is taken for hostile.
MOST_OUTPUT_BYTES = 4 * 2**20
#: How long an ordinary command (mkdir, uname) may take.
COMMAND_DEADLINE_S = 30.0


@dataclass(frozen=True)
class Completed:
    """A command that ended on the device.

    Attributes:
        code: its exit code there.
        stdout: what it wrote to standard output.
        stderr: what it wrote to standard error, its end where it was long.
    """

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text, made harmless for a terminal."""
        decoded = self.stdout.decode(errors="replace")
        return "".join(c for c in decoded if c.isprintable() or c in "\n\t")


class Transport(Protocol):
    """A way to a device. Closing it leaves nothing running there.

    Attributes:
        address: what is talked to, for messages: `pi@raspberrypi.local:22`, an adb serial, `local`.
        root: a directory of edgeconv's own on the device, absolute; it exists.
    """

    address: str
    root: str

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        deadline_s: float = COMMAND_DEADLINE_S,
        most_output: int = MOST_OUTPUT_BYTES,
    ) -> Completed:
        """Runs a program on the device to its end.

        Args:
            arguments: the program and its arguments; no shell on the way reads them.
            stdin: what it reads.
            deadline_s: seconds until it is given up, and killed there.
            most_output: bytes it may write.

        Raises:
            ConnectionLost: the connection broke, told apart from any exit code.
            DeviceFailed: it passed the deadline or the limit of its output.
            DeviceSilent: the device stopped to answer meanwhile.
            DeviceUnreachable: there is no connection to begin with.
        """
        ...

    def push(self, local: Path, remote: str) -> None:
        """Copies a file to an absolute path on the device, whole or not at all.

        Nothing is sent where the file is there already (by SHA-256). The directory is made. The
        deadline grows with the file's size.

        Raises:
            ConnectionLost, DeviceFailed, DeviceUnreachable: as `run`; a full disk is DeviceFailed.
        """
        ...

    def pull(self, remote: str, local: Path, *, most_bytes: int) -> None:
        """Copies a file from the device; refuses one larger than `most_bytes` (DeviceFailed)."""
        ...

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The host's command line whose pipes are those of `arguments` running on the device.

        For a conversation with an agent: when the host's process dies, the agent's standard input
        ends, and the agent with it.
        """
        ...

    def command_end(self, code: int, stderr: bytes) -> tuple[int | None, bytes]:
        """The exit code of `command`'s program there, and its own standard error.

        Args:
            code: what the host's command line ended with: perhaps a code of ssh's or adb's own.
            stderr: the end of what it wrote to standard error.

        Returns:
            None for the code where the connection was lost before the program's end.
        """
        ...

    def watch(self, what: str) -> Watch | None:
        """Who notices that the device, or the way there, stands still while `what` is awaited.

        None where there is no way that could.
        """
        ...

    def is_intact(self) -> bool:
        """Whether the connection stands since it was made, or last made anew.

        False right after a conversation means that it ended with the connection: `run` would
        connect anew, and tell nothing of that.
        """
        ...

    def close(self) -> None:
        """Ends the connection; may be called twice."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
