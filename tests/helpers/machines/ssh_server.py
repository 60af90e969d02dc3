"""A real sshd on this machine, as any user, and a stand-in for the ssh program."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgeconv.devices.profile.model import Profile
from tests.helpers.processes import WITHIN_S

#: Runs the remote command here: what a transport does can be seen without any sshd.
FAKE_SSH = '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n'


@dataclass
class SshServer:
    """Started by `start`; its clients' files lie under `place`."""

    place: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def identity(self) -> Path:
        return self.place / "identity"

    @property
    def known_hosts(self) -> Path:
        return self.place / "known_hosts"

    def profile(self, **changes: object) -> Profile:
        """The way there."""
        values: dict[str, object] = {
            "name": "board",
            "title": "a test",
            "transport": "ssh",
            "host": "127.0.0.1",
            "port": self.port,
            "user": getpass.getuser(),
            "identity": self.identity,
            "known_hosts": self.known_hosts,
        }
        return Profile(**(values | changes))  # type: ignore[arg-type]

    def start(self) -> None:
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program is not None
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        config = self.place / "sshd_config"
        config.write_text("".join(f"{key} {value}\n" for key, value in self._settings().items()))
        command = [program, "-D", "-e", "-f", str(config)]
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
        give_up = time.monotonic() + WITHIN_S
        while not is_listening(self.port):
            assert time.monotonic() < give_up, (self.place / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends the server and every connection to it."""
        if self.process is not None:
            connections = children(self.process.pid)
            self.process.kill()  # first, so that none is made anew meanwhile
            self.process.wait()
            for child in connections:
                kill_all(child)

    def drop_connections(self) -> None:
        """Cuts every connection, and keeps listening."""
        assert self.process is not None
        for child in children(self.process.pid):
            os.kill(child, 9)

    def _settings(self) -> dict[str, str]:
        return {
            "ListenAddress": f"127.0.0.1:{self.port}",
            "HostKey": str(self.place / "host"),
            "AuthorizedKeysFile": str(self.place / "identity.pub"),
            "PidFile": "none",
            "UsePAM": "no",
            "UseDNS": "no",
            "StrictModes": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "MaxStartups": "100",
            # SHLVL keeps bash from reading the user's own start files.
            "SetEnv": f"XDG_CACHE_HOME={self.place}/cache SHLVL=9",
            **self.settings,
        }


def ssh_server(place: Path, **settings: str) -> SshServer:
    """A server with fresh keys, not started yet."""
    for program in ("ssh", "ssh-keygen"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: openssh-client)")
    if shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("sshd is not installed (Debian: openssh-server)")
    server = SshServer(place, free_port(), settings)
    for name in ("host", "identity"):
        make_key(place / name)
    know(server.known_hosts, server.port, place / "host.pub")
    return server


def make_key(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=60)


def know(known_hosts: Path, port: int, public_key: Path) -> None:
    known_hosts.write_text(f"[127.0.0.1]:{port} {public_key.read_text()}")


def free_port() -> int:
    """A port below those of outgoing connections, so that none of them takes it meanwhile."""
    while True:
        number = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", number))
            return number


def is_listening(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """Processes started by that one."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                fields = (directory / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(directory.name))
    return found


def kill_all(pid: int) -> None:
    """Kills a process, then all it started: what these would still say is not passed on."""
    started = children(pid)
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return
    for child in started:
        kill_all(child)
