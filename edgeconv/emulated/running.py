"""A device that is running, as other processes find it: a small file in the cache."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeconv.disk import write_whole
from edgeconv.emulated import store


@dataclass(frozen=True)
class Running:
    """An emulated device and the way to it.

    Attributes:
        name: the board's name.
        pid: the process of this machine whose end is the device's end.
        started: when that process began, in the kernel's clock ticks: numbers are used again.
        host: address of its daemon.
        port: port of its daemon.
        user: who to log in as (ssh).
        identity: private key file (ssh).
        known_hosts: file with its host key (ssh).
        serial: what adb calls it (adb).
        adb_port: port of the adb server that is connected to it, and to nothing else (adb).
    """

    name: str
    pid: int
    started: int
    host: str
    port: int
    user: str | None = None
    identity: Path | None = None
    known_hosts: Path | None = None
    serial: str | None = None
    adb_port: int | None = None

    def login(self) -> list[str]:
        """The command line that opens a shell there, for people."""
        if self.serial is not None:
            return ["adb", "-P", str(self.adb_port), "-s", self.serial, "shell"]
        options = ["-i", str(self.identity), "-o", f"UserKnownHostsFile={self.known_hosts}"]
        return ["ssh", *options, "-p", str(self.port), f"{self.user}@{self.host}"]

    def write(self) -> None:
        """Lets others find it."""
        write_whole(_state_file(self.name), json.dumps(asdict(self), default=str).encode())


def running(name: str) -> Running | None:
    """The device of that name, None where it does not run."""
    try:
        told: dict[str, Any] = json.loads(_state_file(name).read_text(encoding="utf-8"))
        for key in ("identity", "known_hosts"):
            told[key] = None if told[key] is None else Path(told[key])
        found = Running(**told)
    except (OSError, ValueError, TypeError, KeyError):
        return None  # never written, or by another version: that device cannot be running now
    return found if start_time(found.pid) == found.started else None


def forget(name: str) -> None:
    """Removes what `write` wrote."""
    with suppress(FileNotFoundError):
        _state_file(name).unlink()


def device_directory(name: str) -> Path:
    """Where the device's own files lie; it need not exist."""
    return store.directory() / "devices" / name


def start_time(pid: int) -> int | None:
    """When a process began, in the kernel's clock ticks; None where there is none or it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    state, *rest = fields.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def alive(pid: int) -> bool:
    """Whether a process runs; a child of this one that ended is put to rest."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return start_time(pid) is not None


def _state_file(name: str) -> Path:
    return device_directory(name) / "running.json"
