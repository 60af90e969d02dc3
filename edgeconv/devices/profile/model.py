"""What edgeconv knows of a device before it talks to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeconv.runtime.session import EngineName, Provider

TransportName = Literal["local", "ssh", "adb"]
AgentKind = Literal["python", "native"]


@dataclass(frozen=True)
class Cluster:
    """Cores of one kind.

    Attributes:
        name: such as "big" or "cortex-a72".
        cores: their numbers, as `taskset` takes them.
    """

    name: str
    cores: tuple[int, ...]


@dataclass(frozen=True)
class Profile:
    """A device by name.

    Attributes:
        name: what `--device` takes.
        title: one line for `devices list`.
        transport: how it is reached.
        architecture: as `uname -m` says; None where any will do.
        engines: those that run there.
        provider: what computes; but for "cpu", this machine's NVIDIA GPU.
        agent: "python" where the device has Python, else "native".
        host: host name or address, or an alias of the user's ssh configuration (ssh).
        user: None leaves it to the ssh configuration.
        port: None leaves it to the ssh configuration.
        identity: private key file; None leaves it to the ssh configuration and agent.
        known_hosts: file of host keys; None is the user's own.
        serial: adb serial; None takes the only device there is.
        adb_port: of the adb server; None is adb's own default.
        clusters: cores by kind, empty where there is one kind or it is unknown.
        throttled: path, or command's program and arguments, that tells of throttling; empty for
            none.
        benchmark_model: Google's benchmark_model for the device, a file on this machine; None where
            the user has none.
        emulated: whether times there mean nothing and instructions are counted instead.
    """

    name: str
    title: str
    transport: TransportName
    architecture: str | None = None
    engines: tuple[EngineName, ...] = ("litert", "onnxruntime")
    provider: Provider = "cpu"
    agent: AgentKind = "python"
    host: str | None = None
    user: str | None = None
    port: int | None = None
    identity: Path | None = None
    known_hosts: Path | None = None
    serial: str | None = None
    adb_port: int | None = None
    clusters: tuple[Cluster, ...] = ()
    throttled: tuple[str, ...] = ()
    benchmark_model: Path | None = None
    emulated: bool = False
