"""This machine behind edgeconv's own adbd and the real adb, and a stand-in for the adb program."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgeconv.devices.profile.model import Profile
from tests.helpers.machines.ssh_server import free_port, is_listening, kill_all
from tests.helpers.processes import WITHIN_S

#: Lists one device, runs its commands here, and copies files.
FAKE_ADB = """#!/bin/sh
while [ "$1" = -P ] || [ "$1" = -s ]; do shift 2; done
case $1 in
  start-server) ;;
  devices) echo "List of devices attached"; echo "phone  device product:x transport_id:1" ;;
  features) echo shell_v2 ;;
  push) cp "$2" "$3" ;;
  shell) exec sh -c "$3" ;;
esac
"""


@dataclass
class AdbServer:
    """An adb server of its own, with phones."""

    place: Path
    port: int = field(default_factory=free_port)
    phones: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def profile(self, **changes: object) -> Profile:
        values: dict[str, object] = {
            "name": "phone",
            "title": "a test",
            "transport": "adb",
            "adb_port": self.port,
            "agent": "native",
        }
        return Profile(**(values | changes))  # type: ignore[arg-type]

    def phone(self, *, port: int | None = None, deaf: bool = False, **settings: object) -> str:
        """Starts a phone; gives its serial. adb does not know of it yet.

        A deaf one is started the way `nohup` and shells in the background start programs.
        """
        number = port or free_port()
        settings |= {"shell": "/bin/sh", "environment": {"PATH": os.environ["PATH"]}}
        command = [sys.executable, "-m", "edgeconv.emulated.adbd", str(number)]
        words = [*command, json.dumps(settings)]
        self.phones.append(
            subprocess.Popen(words, stdin=subprocess.DEVNULL, preexec_fn=_deaf if deaf else None)
        )
        give_up = time.monotonic() + WITHIN_S
        while not is_listening(number):
            assert time.monotonic() < give_up
            time.sleep(0.02)
        return f"127.0.0.1:{number}"

    def adb(self, *words: str) -> str:
        done = subprocess.run(
            ["adb", "-P", str(self.port), *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    def connect(self, serial: str) -> None:
        told = self.adb("connect", serial)
        assert "connected to" in told or "authenticate" in told, told

    def end_phones(self) -> None:
        for phone in self.phones:
            kill_all(phone.pid)
            phone.wait()
        self.phones.clear()

    def stop(self) -> None:
        self.end_phones()
        self.adb("kill-server")


def _deaf() -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


def adb_server(place: Path) -> AdbServer:
    """A server that starts with its first command."""
    if shutil.which("adb") is None:
        pytest.skip("adb is not installed (Debian: adb)")
    return AdbServer(place)


@pytest.fixture(scope="module")
def adb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbServer]:
    """An adb server of its own, with a home of its own for its keys."""
    place = tmp_path_factory.mktemp("adb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(place))
        patch.delenv("ANDROID_SERIAL", raising=False)
        server = adb_server(place)
        yield server
        server.stop()
