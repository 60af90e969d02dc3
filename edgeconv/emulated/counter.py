"""Executed instructions of an emulated device's programs: a cost without noise.

Only QEMU's dynamically linked program loads plugins, and inside of the device there is none of
this machine's libraries. So program, loader, libraries and plugin lie in a directory of their own
on the device, and `edgeconv-count PROGRAM ...` there runs a program on them. The program asks for
the count with a system call (counter.c; `edgeconv.runtime.instructions` does it).
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from edgeconv.emulated.requirements import output, program

#: Put before a program's command line on an emulated device.
PREFIX = ("/opt/edgeconv-counter/edgeconv-count",)

_DIRECTORY = "opt/edgeconv-counter"
_SOURCE = Path(__file__).with_name("counter.c")
_SCRIPT = Path(__file__).with_name("count.sh")


def sources() -> tuple[Path, ...]:
    """The files that decide what `install` makes."""
    return (Path(__file__), _SOURCE, _SCRIPT)


def qemu_version() -> str:
    """What QEMU says of itself."""
    return output(program("qemu-aarch64"), "--version").splitlines()[0]


def install(root: Path) -> None:
    """Puts the counter into a device's root file system."""
    directory = root / _DIRECTORY
    directory.mkdir(parents=True)
    qemu = program("qemu-aarch64")
    shutil.copy(qemu, directory / "qemu-aarch64")
    libraries = dict(re.findall(r"^\s*(?:(\S+) => )?(/\S+) \(0x", output("ldd", qemu), re.M))
    for name, path in libraries.items():
        shutil.copy(path, directory / (name or "loader"))
    for optional in (directory / "loader", directory / "qemu-aarch64"):
        optional.chmod(0o755)
    shutil.copy(_SCRIPT, directory / "edgeconv-count")
    (directory / "edgeconv-count").chmod(0o755)
    goal = str(directory / "counter.so")
    compiling = (program("gcc"), "-O2", "-shared", "-fPIC", "-Wl,--build-id=none")
    output(*compiling, "-o", goal, str(_SOURCE))
