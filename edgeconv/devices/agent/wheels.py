"""The engines' wheels for a device's Python, fetched on the host with pip.

The device needs no internet and no root: it gets the very versions the host has, so that a figure
there and a figure here are of the same engine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from edgeconv.errors import DeviceUnreachable, UnavailableError
from edgeconv.runtime.open import PACKAGES
from edgeconv.runtime.session import EngineName

#: The agent is written for this Python and newer.
OLDEST_PYTHON = (3, 11)
#: glibc versions that wheels are built for, the newest first.
_MANYLINUX = (35, 34, 31, 28, 27, 24, 17)
_PIP_DEADLINE_S = 600


@dataclass(frozen=True)
class DevicePython:
    """The Python of a device.

    Attributes:
        version: (major, minor).
        machine: as `uname -m` says.
        glibc: (major, minor).
    """

    version: tuple[int, int]
    machine: str
    glibc: tuple[int, int]

    @property
    def tag(self) -> str:
        """Names what wheels fit: `cp311-aarch64-glibc2.36`."""
        major, minor = self.version
        return f"cp{major}{minor}-{self.machine}-glibc{'.'.join(map(str, self.glibc))}"

    @property
    def platforms(self) -> list[str]:
        """The platform tags of wheels that run there, as pip names them."""
        return [
            f"manylinux_2_{minor}_{self.machine}"
            for minor in _MANYLINUX
            if (2, minor) <= self.glibc
        ] + [f"manylinux2014_{self.machine}"]


#: Prints what `read_python` reads.
PYTHON_PROBE = (
    "import json,platform,sys;"
    "print(json.dumps([sys.version_info[:2],platform.machine(),platform.libc_ver()]))"
)


def read_python(text: str, address: str) -> DevicePython:
    """The Python that PYTHON_PROBE told of.

    Raises:
        DeviceUnreachable: it is none that edgeconv's agent and the engines' wheels run on.
    """
    try:
        version, machine, libc = json.loads(text.strip().splitlines()[-1])
        found = DevicePython(_pair(version), str(machine), _pair(str(libc[1]).split(".")[:2]))
    except (ValueError, TypeError, IndexError) as error:
        raise DeviceUnreachable(
            f"{address}: its Python tells nothing of itself that can be read; glibc Linux with "
            f"Python {_dotted(OLDEST_PYTHON)} or newer is needed"
        ) from error
    if str(libc[0]) != "glibc" or machine not in ("aarch64", "x86_64"):
        raise DeviceUnreachable(
            f"{address}: there are no wheels of the engines for {str(libc[0])[:20] or 'its libc'} "
            f"on {machine[:20]}; glibc on aarch64 or x86_64 is needed"
        )
    if found.version < OLDEST_PYTHON:
        raise DeviceUnreachable(
            f"{address}: its python3 is {_dotted(found.version)}; the agent needs "
            f'{_dotted(OLDEST_PYTHON)} or newer: use the native agent (agent = "native" in the '
            "device's profile), or a newer system"
        )
    return found


def versions(engines: Sequence[EngineName]) -> dict[str, str]:
    """The host's versions of the engines' packages and of NumPy.

    Raises:
        UnavailableError: one is not installed here.
    """
    names = ["numpy", *(PACKAGES[engine] for engine in engines)]
    try:
        return {name: metadata.version(name) for name in names}
    except metadata.PackageNotFoundError as error:
        raise UnavailableError(
            f"{error.name} is not installed here, so its version for the device is not known; "
            f"pip install {error.name}"
        ) from error


def fetch(python: DevicePython, wanted: dict[str, str], directory: Path) -> list[Path]:
    """Wheels of packages, by name and version, for a device's Python.

    Args:
        python: the device's.
        wanted: package -> version.
        directory: where they are kept; what is there already is not fetched again.

    Raises:
        UnavailableError: pip is missing, or finds none.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if (kept := _wheels(directory, wanted)) is not None:
        return kept
    with tempfile.TemporaryDirectory(dir=directory) as held:  # another process may fetch the same
        why = _download(python, wanted, held)
        for wheel in Path(held).glob("*.whl"):
            wheel.replace(directory / wheel.name)
    found = _wheels(directory, wanted)
    if found is None:
        raise UnavailableError(
            f"no wheels of {', '.join(f'{n} {v}' for n, v in wanted.items())} for {python.tag} "
            f"could be fetched with pip ({why})"
        )
    return found


def _download(python: DevicePython, wanted: dict[str, str], directory: str) -> str:
    """Has pip fetch wheels; gives its last words. UnavailableError where it takes too long."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={_dotted(python.version)}", f"--dest={directory}"]
    command += [f"--platform={platform}" for platform in python.platforms]
    command += [f"{name}=={version}" for name, version in wanted.items()]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PIP_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"pip gave no wheels within {_PIP_DEADLINE_S} s") from error
    return next(reversed(done.stderr.strip().splitlines()), "it told nothing")[:300]


def _wheels(directory: Path, wanted: dict[str, str]) -> list[Path] | None:
    """The wheels that are kept there; None unless all are."""
    found = [
        sorted(directory.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
        for name, version in wanted.items()
    ]
    return [wheels[0] for wheels in found] if all(found) else None


def _pair(numbers: Any) -> tuple[int, int]:
    first, second = (int(number) for number in numbers)
    return first, second


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
