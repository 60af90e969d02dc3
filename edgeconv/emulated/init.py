"""The first process of an emulated device: `python -m edgeconv.emulated.init SPEC`.

`machine` starts it in mount, host-name and process namespaces of its own. It fits out the root
file system as the device, starts the device's daemon, and reaps what ends. When it dies the kernel
kills every process of the device, and with the last one the mounts are gone.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edgeconv.emulated.boards import Board, board_named, cpuinfo, sys_files

#: Everything made for the device lies here, on a file system in memory that only it sees. Every
#: directory on the way is root's, which sshd demands of the place it confines a user to.
PRIVATE = Path("/run/edgeconv")
ROOT = PRIVATE / "root"
_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")


@dataclass(frozen=True)
class Spec:
    """What `machine` tells the device's first process.

    Attributes:
        board: the board's name.
        root: the finished root file system.
        storage: what is mounted on the board's home.
        files: path -> text, written below PRIVATE before the daemons start.
        bind: path -> path: files of this machine that the daemons shall see replaced.
        daemons: command lines; the device ends when the first one that ends does.
    """

    board: str
    root: str
    storage: str
    files: dict[str, str]
    bind: dict[str, str]
    daemons: tuple[tuple[str, ...], ...]


def main() -> int:
    """Runs the device to its end."""
    spec = Spec(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    board = board_named(spec.board)
    socket.sethostname(board.host_name)
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for place in (PRIVATE, ROOT, Path("/run/sshd")):
        place.mkdir(mode=0o755)
    for name, text in spec.files.items():
        _write(PRIVATE / name, text, 0o600 if name.endswith("key") else 0o644)
    _fit_out(board, Path(spec.root), Path(spec.storage))
    for source, target in spec.bind.items():
        _mount("--bind", source, target)
    return _supervise(spec.daemons)


def _fit_out(board: Board, root: Path, storage: Path) -> None:
    """Makes the root file system look like the running board; nothing of it can be changed."""
    _mount("--bind", str(root), str(ROOT))
    _mount("-o", "remount,bind,ro", str(ROOT))
    _mount("-t", "proc", "proc", str(ROOT / "proc"))
    _write(PRIVATE / "cpuinfo", cpuinfo(board))
    _mount("--bind", str(PRIVATE / "cpuinfo"), str(ROOT / "proc/cpuinfo"))
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(ROOT / "sys"))
    for name, text in sys_files(board).items():
        _write(ROOT / "sys" / name, text)
    for core in range(board.cores):
        policy = ROOT / f"sys/devices/system/cpu/cpu{core}/cpufreq"
        policy.symlink_to("../cpufreq/policy0")
    _mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(ROOT / "tmp"))
    _fill_dev(ROOT / "dev")
    os.chown(storage, board.uid, board.uid)
    _mount("--bind", str(storage), f"{ROOT}{board.home}")


def _fill_dev(dev: Path) -> None:
    """The handful of devices programs expect, and no disk of this machine."""
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(dev))
    for name in _DEVICES:
        (dev / name).touch()
        _mount("--bind", f"/dev/{name}", str(dev / name))
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    terminals = "newinstance,ptmxmode=0666,mode=620,gid=5"
    _mount("-t", "devpts", "-o", terminals, "devpts", str(dev / "pts"))
    _mount("--bind", str(dev / "pts"), "/dev/pts")  # where sshd opens a terminal, see it in both
    _mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(dev / "shm"))
    for name, goal in {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0"}.items():
        (dev / name).symlink_to(goal)
    for number, name in enumerate(("stdout", "stderr"), 1):
        (dev / name).symlink_to(f"fd/{number}")


def _supervise(daemons: tuple[tuple[str, ...], ...]) -> int:
    """Reaps every child, adopted ones too, until a daemon ends."""
    started = {os.posix_spawn(command[0], command, os.environ) for command in daemons}
    while True:
        pid, status = os.wait()
        if pid in started:
            return os.waitstatus_to_exitcode(status) & 0xFF


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")
    path.chmod(mode)


if __name__ == "__main__":
    sys.exit(main())
