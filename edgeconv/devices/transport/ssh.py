"""A device over the system's OpenSSH: the user's configuration, agent, jump hosts and host keys.

One connection carries everything: a master process whose own session waits on the device for its
standard input to end, and for each command a client that takes a channel of it. When this process
dies, however it dies, the master's input ends, and with it the connection.
"""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeconv.devices.profile.model import Profile
from edgeconv.devices.transport import envelope, ssh_advice
from edgeconv.devices.transport.architecture import ARCHITECTURE, check_architecture
from edgeconv.devices.transport.exchange import DeadlinePassed, Feeds, Piped, pump, run_here
from edgeconv.devices.transport.shell import ShellTransport
from edgeconv.errors import (
    DeviceFailed,
    DeviceSilent,
    DeviceUnreachable,
    EdgeconvError,
    UsageError,
)

#: Until a connection must stand; a bench without its board ends well within ten seconds.
CONNECT_DEADLINE_S = 6.0
_TCP_TIMEOUT_S = 5
#: A silent connection is given up after the product of both.
_ALIVE_INTERVAL_S, _ALIVE_COUNT = 5, 3
#: How long the connection may take to end in good order.
_CLOSE_GRACE_S = 1.0
_NOTICE_S = 0.5
#: A socket's path holds 104 bytes on some systems, and ssh appends 18 of its own.
_LONGEST_DIRECTORY = 60
#: The exit code of ssh's own failures, and of a remote shell that was killed.
_SSH_FAILED = 255

#: What a session is never to do, whatever the user's configuration says.
_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": str(_TCP_TIMEOUT_S),
    "ServerAliveInterval": str(_ALIVE_INTERVAL_S),
    "ServerAliveCountMax": str(_ALIVE_COUNT),
    "LogLevel": "ERROR",
    "RequestTTY": "no",
    "RemoteCommand": "none",
    "PermitLocalCommand": "no",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
}

#: Makes edgeconv's directory, prints it and the architecture, and waits for the connection's end.
_HELLO = (
    'm=$1; echo "$m begin"; echo "$m begin" >&2; umask 077; '
    'd=${XDG_CACHE_HOME:-$HOME/.cache}/edgeconv; mkdir -p "$d" && cd "$d" && pwd -P; r=$?; '
    f"{ARCHITECTURE}; "
    'echo "$m end $r"; echo "$m end $r" >&2; exec cat >/dev/null 2>&1'
)
_MOST_HELLO_BYTES = 4096


@dataclass(frozen=True)
class _Connection:
    """The master process, and the directory of the socket by which clients find it."""

    master: Piped
    directory: Path

    def end(self) -> None:
        """Ends it in good order: what waits at its other end sees standard input end."""
        self.master.stdin.close()
        self.master.end(_CLOSE_GRACE_S)
        shutil.rmtree(self.directory, ignore_errors=True)


class SshTransport(ShellTransport):
    """See Transport; the connection is made with the object.

    Args:
        profile: of a device with a host.
        connect_deadline_s: until the connection must stand.

    Raises:
        DeviceUnreachable: there is no way there; the message says what was tried and what helps.
        UsageError: the profile names no host.
    """

    def __init__(self, profile: Profile, *, connect_deadline_s: float = CONNECT_DEADLINE_S) -> None:
        if profile.host is None:
            raise UsageError(
                f"{profile.name} says no host; give one with --host NAME or --host ADDRESS"
            )
        self._profile = profile
        self._host = profile.host
        self._connect_deadline_s = connect_deadline_s
        self._connection: _Connection | None = None
        self.address = _address(profile)
        self.root = ""
        program = shutil.which("ssh")
        if program is None:
            raise DeviceUnreachable(ssh_advice.NO_PROGRAM)
        self._program = program
        self._connected()

    def is_intact(self) -> bool:
        """See Transport."""
        if self._connection is None:
            return False
        try:  # a client of the connection may notice its end a moment before it is over
            self._connection.master.wait(_NOTICE_S)
        except subprocess.TimeoutExpired:
            return True
        return False

    def close(self) -> None:
        """See Transport."""
        if self._connection is not None:
            self._connection.end()
            self._connection = None

    def _unanswered(self) -> str | None:
        if self._connection is None:
            return None
        words = self._words(self._connection.directory, "ControlMaster=no")
        question = [words[0], "-O", "check", *words[1:]]
        deadline = time.monotonic() + self._answer_s
        try:  # what it says does not matter: where the master is gone, its clients end
            run_here(question, "`ssh -O check`", deadline=deadline, most=_MOST_HELLO_BYTES)
        except DeadlinePassed:
            self.close()
            return "`ssh -O check`"
        return None

    def _connected(self) -> _Connection:
        if self._connection is not None and self._connection.master.poll() is None:
            return self._connection
        self.close()
        directory = _private_directory()
        marker = envelope.new_marker()
        reply = envelope.Reply(marker, _MOST_HELLO_BYTES, f"{self.address}: the first command")
        hello = shlex.join(envelope.script(_HELLO, marker))
        words = self._words(directory, "ControlMaster=yes")
        self._connection = _Connection(Piped([*words, hello], self._environment()), directory)
        try:
            self._await_hello(self._connection.master, reply)
        except BaseException:
            self.close()
            raise
        return self._connection

    def _await_hello(self, master: Piped, reply: envelope.Reply) -> None:
        feeds = Feeds(reply.feed, reply.feed_stderr)
        deadline = time.monotonic() + self._connect_deadline_s
        try:
            pump(master, io.BytesIO(), feeds, deadline=deadline)
        except DeadlinePassed:
            reason = f"no connection within {self._connect_deadline_s:g} s"
            error = ssh_advice.unreachable(self._profile, self.address, reason)
            raise self._silent(error) from None
        hello = reply.completed()
        if hello is None:
            error = ssh_advice.refused(self._profile, self.address, reply)
            raise self._silent(error) if b"timed out" in reply.stderr else error
        lines = hello.text.splitlines()
        if hello.code != 0 or len(lines) < 2 or not lines[0].startswith("/"):
            raise DeviceFailed(
                f"{self.address}: edgeconv's directory ~/.cache/edgeconv cannot be made there"
                f"{envelope.last_words(hello.stderr)}"
            )
        self.root = lines[0]
        check_architecture(self._profile, lines[1], self.address)

    def _silent(self, error: DeviceUnreachable) -> EdgeconvError:
        """A device that was there before and answers nothing now is not waited for again."""
        return DeviceSilent(f"{error} (it was lost, and answers nothing)") if self.root else error

    def _carrier(self, remote: str) -> list[str]:
        return [*self._words(self._connected().directory, "ControlMaster=no"), remote]

    def _words(self, directory: Path, control: str) -> list[str]:
        """The ssh program's command line up to the remote command."""
        profile = self._profile
        options = {
            **_OPTIONS,
            "ControlPath": _quoted(directory / "s"),
            "ControlPersist": "no",
        }
        if profile.known_hosts is not None:
            options["UserKnownHostsFile"] = _quoted(profile.known_hosts)
            options["GlobalKnownHostsFile"] = "none"
        if profile.identity is not None:
            options["IdentitiesOnly"] = "yes"
            options["IdentityFile"] = _quoted(profile.identity)
        words = [self._program, "-T", "-o", control]
        for name, value in options.items():
            words += ["-o", f"{name}={value}"]
        if profile.user is not None:
            words += ["-l", profile.user]
        if profile.port is not None:
            words += ["-p", str(profile.port)]
        return [*words, "--", self._host]

    def _lost(self, stderr: bytes, code: int | None, begun: bool) -> EdgeconvError:
        if not begun and code not in (None, _SSH_FAILED):
            return DeviceFailed(
                f"{self.address}: no command runs there, its login shell ends at once with exit "
                f"code {code}{envelope.last_words(stderr)}"
            )
        return self._connection_lost(stderr, begun)

    def _environment(self) -> Mapping[str, str]:
        return os.environ | {"LC_ALL": "C"}


def _address(profile: Profile) -> str:
    """user@host:port as far as the profile says."""
    user = f"{profile.user}@" if profile.user else ""
    port = f":{profile.port}" if profile.port else ""
    return f"{user}{profile.host}{port}"


def _private_directory() -> Path:
    """A new directory that nobody else may enter, with a short path."""
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > _LONGEST_DIRECTORY:
        base = "/tmp"
    return Path(tempfile.mkdtemp(prefix="edgeconv-", dir=base))


def _quoted(path: Path) -> str:
    """A path as ssh's configuration takes it: quoted, with its own tokens made harmless."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'
