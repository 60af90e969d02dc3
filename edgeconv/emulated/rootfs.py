"""Root file systems for arm64, unpacked from Debian's packages and never configured.

Running the packages' own scripts under QEMU takes minutes; unpacking takes seconds, and the little
the scripts would have done for these programs is done here. A board gets Python and its standard
library, which is all that edgeconv's agent expects of a board. A phone gets a shell, the usual
small tools and `getprop`, each linked statically, and neither glibc nor Python.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from edgeconv.disk import key_of
from edgeconv.emulated import counter
from edgeconv.emulated.boards import Board, Kind
from edgeconv.emulated.requirements import output, program

_SUITE = "bookworm"
#: The Python of that suite.
PYTHON = (3, 11)
_PACKAGES: dict[Kind, tuple[str, ...]] = {
    "board": (
        "base-files",
        "bash",
        "coreutils",
        "dash",
        "findutils",
        "grep",
        "gzip",
        "hostname",
        "libc-bin",
        "libgomp1",
        "libpython3.11-stdlib",
        "libstdc++6",
        "mawk",
        "openssh-sftp-server",
        "procps",
        "python3.11-minimal",
        "rsync",
        "sed",
        "tar",
        "util-linux",
    ),
    "phone": ("busybox-static", "mksh"),
}


def key(kind: Kind) -> str:
    """Names everything that decides what `build` makes."""
    return f"{kind}-{key_of(Path(__file__), *counter.sources(), counter.qemu_version())}"


def build(kind: Kind, root: Path) -> None:
    """Fills an empty directory; raises UnavailableError where packages cannot be had."""
    if kind == "board":
        _build_board(root)
    else:
        _build_phone(root)
    for name in ("dev", "proc", "sys", "tmp"):
        (root / name).mkdir(exist_ok=True)
    counter.install(root)


def _build_board(root: Path) -> None:
    _unpack("board", root)
    links = {"usr/bin/python3": "python3.11", "usr/bin/awk": "mawk"}
    for link, goal in links.items():
        (root / link).unlink(missing_ok=True)
        (root / link).symlink_to(goal)
    _write(
        root / "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000:Pi:/home/pi:/bin/bash\n",
    )
    _write(root / "etc/group", "root:x:0:\npi:x:1000:\n")
    _write(root / "etc/hosts", "127.0.0.1 localhost\n")
    (root / "home/pi").mkdir()
    _compile_python(root / "usr/lib/python3.11", root)


def _build_phone(root: Path) -> None:
    tools = root / "system/bin"
    tools.mkdir(parents=True)
    for directory in ("system/etc", "data/local/tmp", "sdcard"):
        (root / directory).mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as unpacked:
        debian = Path(unpacked)
        _unpack("phone", debian)
        shutil.copy2(debian / "usr/bin/busybox", tools / "busybox")
        shutil.copy2(debian / "usr/lib/aarch64-linux-musl/bin/mksh", tools / "sh")
    for name in output(program("qemu-aarch64-static"), str(tools / "busybox"), "--list").split():
        if not (tools / name).exists():
            (tools / name).symlink_to("busybox")
    (root / "bin").symlink_to("system/bin")
    (root / "etc").symlink_to("system/etc")
    _write(
        root / "etc/passwd", "root:x:0:0::/:/system/bin/sh\nshell:x:2000:2000::/:/system/bin/sh\n"
    )
    _write(root / "etc/group", "root:x:0:\nshell:x:2000:\n")
    shutil.copy(Path(__file__).with_name("getprop.sh"), tools / "getprop")
    (tools / "getprop").chmod(0o755)
    _write(root / "system/build.prop", "")  # each phone's own is mounted here


def properties(board: Board) -> str:
    """What `getprop` reads: the text of build.prop."""
    told = {
        "ro.build.version.release": "14",
        "ro.build.version.sdk": "34",
        "ro.hardware": "qemu",
        "ro.product.cpu.abi": "arm64-v8a",
        "ro.product.cpu.abilist": "arm64-v8a",
        "ro.product.device": "emulated",
        "ro.product.manufacturer": "edgeconv",
        "ro.product.model": board.model,
        "ro.product.name": "emulated_arm64",
        "ro.serialno": board.name,
        "ro.soc.model": board.cpu.qemu,
        "sys.boot_completed": "1",
    }
    return "".join(f"{name}={value}\n" for name, value in told.items())


def _compile_python(directory: Path, root: Path) -> None:
    """Compiles Python files below `root` on this machine; under QEMU it would take minutes.

    Left to the device where this Python is of another version than its.
    """
    if sys.version_info[:2] == PYTHON:
        placed = ("-s", str(root), "-p", "/")
        output(sys.executable, "-m", "compileall", "-q", "-j", "0", *placed, str(directory))


def _unpack(kind: Kind, root: Path) -> None:
    """Unpacks Debian's arm64 packages of a kind, and what they depend on, without their scripts.

    In namespaces of its own: what mmdebstrap mounts below `root` is gone, and so is every process
    of it, however it ends. So nothing of this machine is below `root` when that is removed.
    """
    output(
        *(program("unshare"), "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"),
        *("--propagation", "private", "--"),
        program("mmdebstrap"),
        "--quiet",
        "--architectures=arm64",
        "--variant=extract",
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        f"--include={','.join(_PACKAGES[kind])}",
        _SUITE,
        str(root),
    )


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="ascii")
