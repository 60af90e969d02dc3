"""The `adb` program's own verbs, each one process with a deadline and bounded output."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgeconv.devices.transport.base import MOST_OUTPUT_BYTES
from edgeconv.devices.transport.exchange import DeadlinePassed, run_here
from edgeconv.devices.transport.watch import Watch
from edgeconv.errors import DeviceFailed, DeviceSilent, DeviceUnreachable
from edgeconv.runtime.plain import plain

_MOST_DEVICES = 256
#: Serial, state, facts such as `product:x` of which the number of the connection is the last.
_LISTED = re.compile(r"(\S+)\s+(.*?)(?:\s+\S+:\S+)*?(?:\s+transport_id:(\d+))?")


@dataclass(frozen=True)
class Listed:
    """A line of `adb devices`.

    Attributes:
        serial: what adb calls it.
        state: "device" where it is ready, else adb's word for what it is.
        transport: adb's number of the connection; another one after every loss.
    """

    serial: str
    state: str
    transport: str = ""


class AdbClient:
    """Talks to one adb server.

    Args:
        program: path of adb.
        server_port: None leaves it to adb and the user's environment.
    """

    def __init__(self, program: str, server_port: int | None) -> None:
        self._start = [program] if server_port is None else [program, "-P", str(server_port)]

    def words(self, *arguments: str) -> list[str]:
        """A command line of adb."""
        return [*self._start, *arguments]

    def start_server(self, deadline: float) -> None:
        """Makes sure that a server runs (DeviceUnreachable)."""
        code, words = self._told("start-server", deadline=deadline)
        if code != 0:
            raise DeviceUnreachable(
                f"the adb server does not start ({_last(words)}); try by hand: `adb start-server`"
            )

    def devices(self, deadline: float) -> list[Listed]:
        """Every device that the server knows."""
        _, words = self._told("devices", "-l", deadline=deadline)
        lines = words.partition("List of devices attached")[2].splitlines()[: _MOST_DEVICES + 1]
        found = (_LISTED.fullmatch(line.strip()) for line in lines if line.isprintable())
        return [Listed(m[1], m[2].strip(), m[3] or "") for m in found if m]

    def features(self, serial: str, deadline: float) -> frozenset[str]:
        """What client and device both know."""
        code, words = self._told("-s", serial, "features", deadline=deadline)
        return frozenset(words.split()) if code == 0 else frozenset()

    def connect(self, serial: str, deadline: float) -> str:
        """Connects to a device in the network; gives adb's words, its exit code says nothing."""
        return _last(self._told("connect", serial, deadline=deadline)[1])

    def disconnect(self, serial: str, deadline: float) -> None:
        """Forgets a device in the network."""
        self._told("disconnect", serial, deadline=deadline)

    def answers(self, serial: str, deadline: float) -> bool:
        """Whether anything comes back from a device by then; nothing is started there.

        `adb get-state` is answered by the server, which takes a frozen device for a ready one. What
        the device's own adbd forwards, it tells by itself; a refusal is an answer as well.
        """
        try:
            self._told("-s", serial, "reverse", "--list", deadline=deadline)
        except DeviceUnreachable:
            return False
        return True

    def push(
        self, serial: str, local: Path, remote: str, deadline: float, watch: Watch
    ) -> tuple[int, str]:
        """Copies a file; gives the exit code and adb's last words (DeviceSilent)."""
        arguments = ("-s", serial, "push", str(local.resolve()), remote)
        code, words = self._told(*arguments, deadline=deadline, watch=watch)
        return code, _last(words)

    def push_bytes(
        self, serial: str, data: bytes, remote: str, deadline: float, watch: Watch
    ) -> tuple[int, str]:
        """Copies what lies in memory; as `push`."""
        with tempfile.TemporaryDirectory(prefix="edgeconv-") as directory:
            path = Path(directory) / "stdin"
            path.write_bytes(data)
            return self.push(serial, path, remote, deadline, watch)

    def _told(
        self, *arguments: str, deadline: float, watch: Watch | None = None
    ) -> tuple[int, str]:
        """The exit code and all output of one adb command."""
        words, most = self.words(*arguments), MOST_OUTPUT_BYTES
        try:
            done = run_here(words, "adb", deadline=deadline, most=most, watch=watch)
        except DeviceSilent:
            raise
        except (DeadlinePassed, DeviceFailed):  # it hangs, or talks without end
            raise DeviceUnreachable(
                f"`adb {' '.join(arguments[:3])}` gave no answer in time; "
                "`adb kill-server` and another try may help"
            ) from None
        return done.code, (done.stdout + done.stderr).decode(errors="replace")


def _last(words: str) -> str:
    """The last line that tells of an error, or the last one, harmless for a terminal."""
    lines = words.strip().splitlines()
    errors = [line for line in lines if "error" in line]
    return plain((errors or lines or [""])[-1][-300:], 300).strip()
