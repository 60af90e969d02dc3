"""Makes a device without Python ready: the native agent and its libraries in edgeconv's directory.

ROOT/native/KEY/        runner, libLiteRt.so, and where brought along the C library; KEY is a
                        hash of them all
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeconv.devices.agent.native import libraries
from edgeconv.devices.agent.native.build import build
from edgeconv.devices.agent.provision import check
from edgeconv.devices.transport.base import Transport
from edgeconv.disk import key_of
from edgeconv.errors import DeviceUnreachable, UnavailableError
from edgeconv.progress import Progress


def prepare_native_agent(transport: Transport, progress: Progress) -> list[str]:
    """Puts the native agent on a device; gives its command line there.

    Args:
        transport: to the device.
        progress: told what is being done, where it takes long.

    Raises:
        DeviceUnreachable: it has an architecture that the agent is not built for.
        UnavailableError: the agent cannot be built here, or LiteRT cannot be had for the device.
        DeviceFailed, ConnectionLost: as the transport.
    """
    architecture = _architecture(transport)
    progress.step(f"build the native agent for {architecture}")
    runner = build(architecture)
    library, version = libraries.litert(architecture)
    brought = _brought(transport, architecture)
    files = [runner, library, *brought]
    there = f"{transport.root}/native/{key_of(*files)}"
    remote = [f"{there}/{name}" for name in ("runner", "libLiteRt.so", *(f.name for f in brought))]
    progress.step(f"push the native agent, {sum(f.stat().st_size for f in files) / 1e6:.0f} MB")
    for local, goal in zip(files, remote, strict=True):
        transport.push(local, goal)
    check(transport.run(["chmod", "755", *remote]), transport, "the agent cannot be made a program")
    program, engine, *loader = remote
    start = [loader[0], "--library-path", there, program] if loader else [program]
    return [*start, engine, version]


def _architecture(transport: Transport) -> str:
    done = transport.run(["uname", "-m"])
    check(done, transport, "uname cannot be run")
    architecture = done.text.strip()
    if architecture not in libraries.LOADERS:
        raise DeviceUnreachable(
            f"{transport.address}: the native agent runs on {', '.join(libraries.LOADERS)}, not on "
            f"{architecture[:40]}"
        )
    return architecture


def _brought(transport: Transport, architecture: str) -> Sequence[Path]:
    """The C library to push; none where this machine has none and the device one of its own."""
    try:
        return libraries.c_library(architecture)
    except UnavailableError:
        loader = f"/lib/{libraries.LOADERS[architecture]}"
        if transport.run(["test", "-e", loader]).code == 0:
            return ()
        raise
