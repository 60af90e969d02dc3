"""Makes a device with Python ready: the agent and the engines in edgeconv's own directory there.

    ROOT/agents/HASH.pyz       the agent
    ROOT/engines/HASH/         the engines, unpacked
    ROOT/files/HASH.SUFFIX     model files
    ROOT/runs/                 records of inputs and outputs, removed after use

No root rights, no internet on the device, nothing outside of ROOT. What is there already, by its
hash, is not sent again.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from edgeconv.devices.agent import payload, wheels
from edgeconv.devices.profile.model import Profile
from edgeconv.devices.transport.base import Completed, Transport
from edgeconv.devices.transport.envelope import last_line, script
from edgeconv.disk import cache_directory, key_of, sha256_of, written_whole
from edgeconv.errors import DeviceFailed, DeviceUnreachable
from edgeconv.progress import Progress

#: Unpacking a hundred megabytes on a slow card, or in emulation.
_UNPACK_DEADLINE_S = 300.0
_NOT_FOUND = 127
#: $1 the engines' directory. Whole or not at all: it gets its name last, and the tar file goes.
_UNPACK = (
    'rm -rf "$1.part" && mkdir "$1.part" && tar -xf "$1.tar" -C "$1.part" && '
    'mv "$1.part" "$1" && rm "$1.tar"'
)


def prepare_python_agent(transport: Transport, profile: Profile, progress: Progress) -> list[str]:
    """Puts agent and engines on the device; gives the agent's command line there.

    Args:
        transport: to the device.
        profile: says which engines it shall have.
        progress: told what is being done, where it takes long.

    Raises:
        DeviceUnreachable: it has no Python the agent can run on.
        UnavailableError: there are no wheels of the engines for it.
        DeviceFailed, ConnectionLost: as the transport.
    """
    python = _python(transport)
    engines = _engines(transport, profile, python, progress)
    with tempfile.TemporaryDirectory() as held:
        agent = Path(held) / "agent.pyz"
        payload.write_agent(agent)
        remote = f"{transport.root}/agents/{sha256_of(agent)[:16]}.pyz"
        transport.push(agent, remote)
    return ["python3", "-I", remote, engines]


def _python(transport: Transport) -> wheels.DevicePython:
    done = transport.run(["python3", "-c", wheels.PYTHON_PROBE])
    if done.code == _NOT_FOUND:
        raise DeviceUnreachable(
            f"{transport.address} has no python3; install it there, or use the native agent "
            '(agent = "native" in the device\'s profile)'
        )
    check(done, transport, "python3 cannot be run")
    return wheels.read_python(done.text, transport.address)


def _engines(
    transport: Transport,
    profile: Profile,
    python: wheels.DevicePython,
    progress: Progress,
) -> str:
    """The engines' directory on the device, filled where it is not yet."""
    wanted = wheels.versions(profile.engines)
    key = key_of(json.dumps([wanted, python.tag]))
    site = f"{transport.root}/engines/{key}"
    if transport.run(["test", "-d", site]).code == 0:
        return site
    progress.step(f"fetch {', '.join(wanted)} for {python.tag}")
    packed = _packed(key, wanted, python)
    progress.step(f"push the engines, {packed.stat().st_size / 1e6:.0f} MB")
    transport.push(packed, f"{site}.tar")
    progress.step("unpack the engines there")
    done = transport.run(script(_UNPACK, site), deadline_s=_UNPACK_DEADLINE_S)
    check(done, transport, "the engines cannot be unpacked")
    return site


def _packed(key: str, wanted: dict[str, str], python: wheels.DevicePython) -> Path:
    """The engines' tar file in the host's cache."""
    cache = cache_directory() / "engines"
    packed = cache / f"{key}.tar"
    if not packed.is_file():
        found = wheels.fetch(python, wanted, cache / python.tag)
        with written_whole(packed) as part:
            payload.write_engines(found, part, compiled=payload.same_python(python.version))
    return packed


def check(done: Completed, transport: Transport, what: str) -> None:
    """Raises DeviceFailed with a command's last words where it failed."""
    if done.code != 0:
        words = last_line(done.stderr) or "it told nothing"
        raise DeviceFailed(f"{transport.address}: {what}: {words} (exit code {done.code})")
