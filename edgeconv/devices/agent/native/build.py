"""Compiles the native agent: `python -m edgeconv.devices.agent.native.build aarch64`."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from edgeconv.disk import cache_directory, key_of
from edgeconv.errors import UnavailableError, UsageError

ARCHITECTURES = ("aarch64", "x86_64")

_HERE = Path(__file__).resolve().parent
_SOURCES = (_HERE / "runner.c", _HERE / "wire.h")
#: Phones from Android 15 on may have memory pages of 16 KB, which a program must be aligned to.
_PAGE_BYTES = 16384
_FLAGS = ("-std=gnu11", "-O2", f"-Wl,-z,max-page-size={_PAGE_BYTES}")
_LIBRARIES = ("-pthread", "-ldl", "-lm")
#: The oldest glibc that PyPI's compiler, which knows them all, builds for.
_OLD_GLIBC = "2.28"
#: The first run of PyPI's compiler compiles parts of a C library.
_BUILD_SECONDS = 600


def build(architecture: str) -> Path:
    """The native agent for an architecture, compiled where it is not in the cache yet.

    Args:
        architecture: as `uname -m` says.

    Raises:
        UsageError: it is built for no such architecture.
        UnavailableError: there is no compiler for it; the message says how to get one.
    """
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise UsageError(f"the native agent is built for {known}, not for {architecture[:40]}")
    command = [*_compiler(architecture), *_FLAGS]
    runner = cache_directory() / "native" / key_of("\0".join(command), *_SOURCES) / "runner"
    if not runner.is_file():
        runner.parent.mkdir(parents=True, exist_ok=True)
        _compile(command, runner)
    return runner


def _compiler(architecture: str) -> list[str]:
    """The command line of a C compiler for that architecture and glibc."""
    names = [f"{architecture}-linux-gnu-gcc"]
    if sys.platform == "linux" and platform.machine() == architecture:
        names += ["gcc", "cc"]
    for name in names:
        if found := shutil.which(name):
            return [found]
    if find_spec("ziglang") is not None:
        target = f"{architecture}-linux-gnu.{_OLD_GLIBC}"
        return [sys.executable, "-m", "ziglang", "cc", "-target", target]
    package = f"gcc-{architecture.replace('_', '-')}-linux-gnu"
    raise UnavailableError(
        f"no C compiler for {architecture}: apt-get install {package} (Debian, Ubuntu), or "
        "pip install ziglang"
    )


def _compile(command: list[str], runner: Path) -> None:
    with tempfile.TemporaryDirectory(dir=runner.parent) as held:
        built = Path(held) / "runner"
        done = subprocess.run(
            [*command, "-o", str(built), str(_SOURCES[0]), *_LIBRARIES],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_BUILD_SECONDS,
            env=os.environ | {"LC_ALL": "C"},
        )
        if done.returncode != 0:
            said = done.stderr.strip()[-800:]
            raise UnavailableError(f"{command[0]} cannot compile the native agent: {said}")
        built.replace(runner)


def main() -> None:
    """Builds for the architectures named on the command line; prints where the programs are."""
    for architecture in sys.argv[1:] or [ARCHITECTURES[0]]:
        sys.stdout.write(f"{architecture}: {build(architecture)}\n")


if __name__ == "__main__":
    main()
