"""A device over Android's debug bridge, through the system's `adb` program and its server.

The server is the user's own (started where none runs, and left running, as adb itself does), or
the one whose port the profile names. Where the device knows the shell's second protocol
(Android 7), standard input, both outputs and the end of the connection travel separately; older
ones are served by `adb exec-out` and files for the other two streams.
"""

from __future__ import annotations

import io
import os
import posixpath
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from edgeconv.devices.profile.model import Profile
from edgeconv.devices.transport import adb_advice, envelope, transfer
from edgeconv.devices.transport.adb_client import AdbClient, Listed
from edgeconv.devices.transport.architecture import ARCHITECTURE, check_architecture
from edgeconv.devices.transport.base import Completed
from edgeconv.devices.transport.shell import Command, ShellTransport
from edgeconv.errors import DeviceFailed, DeviceUnreachable, EdgeconvError

#: Until the device must be there; a bench without its phone ends well within ten seconds.
CONNECT_DEADLINE_S = 6.0
#: How long a device that is just coming, or coming back, is waited for.
PATIENCE_S = 3.0
_POLL_S = 0.25
#: The one place on a phone that its shell may write to and run programs from.
ROOT = "/data/local/tmp/edgeconv"
_SHELL_V2 = "shell_v2"


class AdbTransport(ShellTransport):
    """See Transport; the device is found, and its directory made, with the object.

    Args:
        profile: of a device over adb.
        connect_deadline_s: until it must be there.
        patience_s: how long one that is coming is waited for.
        root: edgeconv's directory there.

    Raises:
        DeviceUnreachable: no adb, no device, not the one that is meant, or it refuses.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        connect_deadline_s: float = CONNECT_DEADLINE_S,
        patience_s: float = PATIENCE_S,
        root: str = ROOT,
    ) -> None:
        program = shutil.which("adb")
        if program is None:
            raise DeviceUnreachable(adb_advice.NO_PROGRAM)
        self._client = AdbClient(program, profile.adb_port)
        self._connect_deadline_s = connect_deadline_s
        self._patience_s = patience_s
        self._wanted = profile.serial or os.environ.get("ANDROID_SERIAL") or None
        self._ready = False
        self._found: Listed | None = None
        self._features: frozenset[str] = frozenset()
        self.address = self._wanted or "adb"
        self.root = root
        self._connect()
        made = self.run(envelope.script(f'mkdir -p "$1" || exit 1; {ARCHITECTURE}', root))
        if made.code != 0:
            raise DeviceFailed(
                f"{self.address}: {root} cannot be made there{envelope.last_words(made.stderr)}"
            )
        check_architecture(profile, made.text, self.address)

    def is_intact(self) -> bool:
        """See Transport."""
        if not self._ready:
            return False
        deadline = time.monotonic() + self._connect_deadline_s
        try:
            self._ready = self._found in self._client.devices(deadline)
        except DeviceUnreachable:
            self._ready = False
        return self._ready

    def close(self) -> None:
        """See Transport. The connection is the adb server's own, which goes on."""
        self._ready = False

    def command(self, arguments: Sequence[str]) -> list[str]:
        """See Transport (DeviceFailed where the device is too old for it)."""
        self._connect()
        if _SHELL_V2 not in self._features:
            raise DeviceFailed(
                f"{self.address}: its adb cannot carry a conversation (no {_SHELL_V2}); "
                "Android 7 or later is needed"
            )
        return super().command(arguments)

    def _connect(self) -> None:
        if self._ready:
            return
        deadline = time.monotonic() + self._connect_deadline_s
        patience = min(deadline, time.monotonic() + self._patience_s)
        self._client.start_server(deadline)
        while True:
            listed = self._client.devices(deadline)
            found = adb_advice.chosen(listed, self._wanted)
            if isinstance(found, Listed):
                break
            if self._is_to_connect(listed):
                self._client.disconnect(str(self._wanted), deadline)
                told = self._client.connect(str(self._wanted), deadline)
                found = adb_advice.after_connect(found, told)
            may_come = found.may_pass or self._found is not None  # it has been there before
            if not may_come or time.monotonic() > patience:
                raise DeviceUnreachable(found.message)
            time.sleep(_POLL_S)
        self._wanted = self.address = found.serial  # from now on this very one
        self._found = found
        self._features = self._client.features(found.serial, deadline)
        if not self._client.answers(found.serial, deadline):
            raise DeviceUnreachable(
                f"{found.serial}: adb lists it, but it does not answer; is it frozen? Restart it, "
                "or take the cable out and in again"
            )
        self._ready = True

    def _is_to_connect(self, listed: Sequence[Listed]) -> bool:
        """Whether adb has to be told to connect to the device, for the first time or again."""
        name, _, port = (self._wanted or "").rpartition(":")
        states = {device.serial: device.state for device in listed}
        return bool(name and port.isdigit()) and states.get(self._wanted or "") in (None, "offline")

    def _unanswered(self) -> str | None:
        if self._client.answers(self.address, time.monotonic() + self._answer_s):
            return None
        self._ready = False
        return "`adb reverse --list`"

    def _carrier(self, remote: str) -> list[str]:
        self._connect()
        if _SHELL_V2 in self._features:
            return self._client.words("-s", self.address, "shell", "-T", remote)
        return self._client.words("-s", self.address, "exec-out", f"{remote} 2>/dev/null")

    def _lost(self, stderr: bytes, code: int | None, begun: bool) -> EdgeconvError:
        del code
        self._ready = False
        return self._connection_lost(stderr, begun)

    def _run(self, command: Command) -> Completed:
        self._connect()
        if _SHELL_V2 in self._features:
            return super()._run(command)
        return self._run_with_files(command)

    def _run_with_files(self, command: Command) -> Completed:
        """`_run` where only standard output comes back: the other streams are files there."""
        deadline = time.monotonic() + command.deadline_s
        stem = posixpath.join(posixpath.dirname(self.root), envelope.new_marker())
        files = (f"{stem}.in", f"{stem}.err")
        if command.stdin_bytes:
            content = command.stdin.read(command.stdin_bytes)
            watch = self.watch(f"{self.address}: `adb push`")
            code, words = self._client.push_bytes(self.address, content, files[0], deadline, watch)
            if code != 0 and adb_advice.is_lost(words):
                raise self._lost(words.encode(), code, begun=False)
            if code != 0:
                raise DeviceFailed(f"{self.address}: {files[0]} cannot be written ({words})")
        stdin = files[0] if command.stdin_bytes else "/dev/null"
        wrapped = envelope.script(
            'i=$1; e=$2; shift 2; exec "$@" <"$i" 2>"$e"', stdin, files[1], *command.arguments
        )
        try:
            done = super()._run(
                replace(command, arguments=wrapped, stdin=io.BytesIO(), stdin_bytes=0)
            )
            told = super()._run(Command(["tail", "-c", "4096", files[1]]))
        finally:
            with suppress(EdgeconvError):
                super()._run(Command(["rm", "-f", *files]))
        return Completed(done.code, done.stdout, told.stdout)

    def _reply(self, marker: str, most_output: int, what: str) -> envelope.Reply:
        separate = _SHELL_V2 in self._features
        return envelope.Reply(marker, most_output, what, separate_stderr=separate)

    def _send(self, file: transfer.LocalFile, deadline_s: float) -> None:
        deadline = time.monotonic() + deadline_s
        watch = self.watch(f"{self.address}: `adb push` of {file.path}")
        code, words = self._client.push(self.address, file.path, file.part, deadline, watch)
        if code != 0 and adb_advice.is_lost(words):
            raise self._lost(words.encode(), code, begun=True)
        if code != 0:
            raise transfer.unwritable(file, words, self.address)
        settled = self.run(transfer.settle(file), deadline_s=deadline_s)
        transfer.check_received(file, settled, self.address)
