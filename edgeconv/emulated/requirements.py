"""What an emulated device needs from this machine, and the commands that bring it.

Nothing is installed or mounted here: what is missing is said, all at once, with the commands.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeconv.emulated.boards import Board
from edgeconv.errors import UnavailableError

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_HANDLER = "qemu-aarch64"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
#: Unpacking packages takes longest.
_COMMAND_SECONDS = 600
#: Where daemons lie, which users' search paths leave out.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_COMMON = {
    "unshare": "util-linux",
    "mount": "mount",
    "qemu-aarch64-static": "qemu-user-static",
    "qemu-aarch64": "qemu-user",
    "mmdebstrap": "mmdebstrap",
    "update-binfmts": "binfmt-support",
    "gcc": "gcc",
    "ldd": "libc-bin",
}
_OF_KIND = {
    "board": {"sshd": "openssh-server", "ssh-keygen": "openssh-client", "ssh": "openssh-client"},
    "phone": {"adb": "adb"},
}


@dataclass(frozen=True)
class Missing:
    """Something this machine lacks.

    Attributes:
        what: for people.
        package: the Debian package that brings it, where one does.
        command: the command that brings it, where no package does.
    """

    what: str
    package: str | None = None
    command: str | None = None


def program(name: str) -> str:
    """The absolute path of a program `check` has found."""
    found = _which(name)
    if found is None:
        raise UnavailableError(f"{name} is not installed")
    return found


def output(*command: str) -> str:
    """What a program prints; raises UnavailableError, with its last words, where it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_COMMAND_SECONDS,
    )
    if done.returncode != 0:
        said = "; ".join(done.stderr.strip().splitlines()[-3:])
        raise UnavailableError(
            f"the emulated device cannot be built: {' '.join(command)[:300]} ended with exit code "
            f"{done.returncode} (it wrote: {said}); packages come from Debian's archive: check the "
            "network and the free space"
        )
    return done.stdout


def check(board: Board) -> None:
    """Raises UnavailableError, naming everything that is missing and what brings it."""
    found = list(missing(board))
    if found:
        raise UnavailableError(*_advice(board, found))


def missing(board: Board) -> Iterator[Missing]:
    """What this machine lacks to run `board`."""
    if sys.platform != "linux":
        yield Missing(f"Linux (this is {sys.platform})")
        return
    if platform.machine() != "x86_64":
        yield Missing(f"an x86-64 processor (this is {platform.machine()})")
        return
    for name, package in (_COMMON | _OF_KIND[board.kind]).items():
        if _which(name) is None:
            yield Missing(f"the program {name}", package)
    if not _KEYRING.is_file():
        yield Missing("Debian's archive keys", "debian-archive-keyring")
    if os.geteuid() != 0:
        yield Missing("root (for chroot and mounts in a namespace)")
    elif not _may_unshare():
        yield Missing("mount, host name and process namespaces (refused by this container)")
    yield from _missing_binfmt()


def _missing_binfmt() -> Iterator[Missing]:
    """The kernel must start arm64 programs with QEMU, opened beforehand (flag F)."""
    if not (_BINFMT / "register").exists():
        yield Missing("binfmt_misc", command=f"mount -t binfmt_misc binfmt_misc {_BINFMT}")
    try:
        handler = (_BINFMT / _HANDLER).read_text()
    except OSError:
        handler = ""
    flags = next((line[6:] for line in handler.splitlines() if line.startswith("flags:")), "")
    if not handler.startswith("enabled") or "F" not in flags:
        enable = f"update-binfmts --enable {_HANDLER}"
        yield Missing("arm64 programs handed to QEMU by the kernel", command=enable)


def _advice(board: Board, found: list[Missing]) -> list[str]:
    packages = sorted({m.package for m in found if m.package})
    commands = [m.command for m in found if m.command]
    if packages:
        install = f"apt-get install --no-install-recommends {' '.join(packages)}"
        commands = ["apt-get update", install, *commands]
    lines = [f"{board.name} needs what this machine lacks: {', '.join(m.what for m in found)}."]
    if commands:
        lines += ["As root, run:", *(f"    {command}" for command in commands)]
    if any(m.what.startswith("root") for m in found):
        lines.append(f"Then run this as root: sudo edgeconv devices start {board.name}")
    return lines


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=SYSTEM_PATH)


def _may_unshare() -> bool:
    unshare = _which("unshare")
    if unshare is None:
        return True  # said already
    command = [unshare, "--mount", "--uts", "--pid", "--fork", "--propagation", "private", "true"]
    return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
