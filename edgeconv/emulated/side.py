"""What the ssh side and the adb side of a device have in common, and tell `machine`."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

#: Where daemons listen; nobody outside of this machine reaches them.
ADDRESS = "127.0.0.1"


class Way(TypedDict, total=False):
    """The fields of Running that differ between ssh and adb."""

    user: str
    identity: Path
    known_hosts: Path
    serial: str
    adb_port: int


@dataclass(frozen=True)
class Plan:
    """How a device's daemons are started.

    Attributes:
        daemons: command lines.
        way: how a client reaches them.
        files: path -> text, below the device's private directory.
        bind: path -> path: files of this machine that the daemons shall see replaced.
        environment: of the daemons.
    """

    daemons: tuple[tuple[str, ...], ...]
    way: Way
    files: dict[str, str] = field(default_factory=dict)
    bind: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def free_port() -> int:
    """A TCP port of ADDRESS that nobody listens on at this moment."""
    with socket.create_server((ADDRESS, 0)) as server:
        port: int = server.getsockname()[1]
        return port
