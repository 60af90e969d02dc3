"""Emulated devices for tests: with a cache of their own, so that nobody's running device is hit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeconv.disk import cache_directory
from edgeconv.emulated import machine, requirements
from edgeconv.emulated.boards import BOARDS
from edgeconv.emulated.running import Running, running
from edgeconv.errors import UnavailableError

#: Parts of the cache that are keyed by their content, so everybody can share them.
SHARED = ("emulated/roots", "engines", "native")


@contextmanager
def own_cache(name: str, place: Path) -> Iterator[None]:
    """A cache in which nobody's device runs; skips where this machine cannot run the device."""
    try:
        requirements.check(BOARDS[name])
    except UnavailableError as error:
        pytest.skip(str(error).splitlines()[0])
    for part in SHARED:
        (cache_directory() / part).mkdir(parents=True, exist_ok=True)
        link = place / "edgeconv" / part
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(cache_directory() / part)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place))
        try:
            yield
        finally:
            machine.stop(name)
            assert running(name) is None


@contextmanager
def started(name: str, place: Path) -> Iterator[Running]:
    """A running device; skips as `own_cache`."""
    with own_cache(name, place):
        yield machine.start(name)


def login(device: Running, command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command line there with the system's own ssh or adb."""
    if device.serial is not None:
        words = ["adb", "-P", str(device.adb_port), "-s", device.serial, "shell", command]
    else:
        options = ["-F", "none", "-i", str(device.identity), "-o", "BatchMode=yes"]
        options += ["-o", f"UserKnownHostsFile={device.known_hosts}"]
        options += ["-o", "StrictHostKeyChecking=yes", "-p", str(device.port)]
        words = ["ssh", *options, f"{device.user}@{device.host}", command]
    return subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )


def processes_below(directory: Path) -> list[str]:
    """Command lines that name a path below a directory, and mounts there, on this machine."""
    token = str(directory)
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if token in words:
                found.append(words)
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return found + [mount for mount in mounts if token in mount]
