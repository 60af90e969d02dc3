"""Starts and stops emulated devices."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import edgeconv
from edgeconv.emulated import adb_side, requirements, rootfs, ssh_side
from edgeconv.emulated.boards import Board, board_named
from edgeconv.emulated.init import Spec
from edgeconv.emulated.running import (
    Running,
    alive,
    device_directory,
    forget,
    running,
    start_time,
)
from edgeconv.emulated.side import ADDRESS, free_port
from edgeconv.emulated.store import locked, root_for
from edgeconv.errors import DeviceFailed
from edgeconv.progress import SILENT, Progress

_READY_SECONDS = 30.0
_STOP_SECONDS = 20.0


def start(name: str, progress: Progress = SILENT) -> Running:
    """Starts a device, or gives the one that runs already.

    The first start unpacks a root file system from Debian's archive into the user's cache (under a
    minute); later ones take a second or two. Two starts at once give the same device.

    Args:
        name: of an emulated device (`boards.BOARDS`).
        progress: told each step.

    Raises:
        UnknownName: no such device.
        UnavailableError: this machine lacks something; the message holds the commands that bring
            it.
        DeviceFailed: it did not come up.
    """
    board = board_named(name)
    requirements.check(board)
    directory = device_directory(name)
    with locked(directory.with_suffix(".lock")):
        found = running(name)
        if found is not None:
            return found
        _tidy(directory)
        root, held = root_for(rootfs.key(board.kind), lambda to: _build(board, to, progress))
        try:
            return _boot(board, root, directory, progress)
        except BaseException:
            _tidy(directory)
            raise
        finally:
            os.close(held)  # the device's own processes hold it on


def stop(name: str) -> bool:
    """Ends a device, every process of it and every mount; False where it did not run.

    Raises:
        UnknownName: no such device.
        DeviceFailed: it did not end.
    """
    board_named(name)
    directory = device_directory(name)
    if not directory.exists():
        return False
    with locked(directory.with_suffix(".lock")):
        found = running(name)
        if found is not None:
            _end(name, found.pid)
        _tidy(directory)
        return found is not None


def _build(board: Board, root: Path, progress: Progress) -> None:
    progress.step("unpacking Debian's arm64 packages (once, under a minute)")
    rootfs.build(board.kind, root)


def _boot(board: Board, root: Path, directory: Path, progress: Progress) -> Running:
    progress.step(f"starting {board.name}")
    storage = directory / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    side = ssh_side if board.kind == "board" else adb_side
    keys = directory / "keys"
    keys.mkdir(mode=0o700)
    port = free_port()
    plan = side.plan(board, keys, port)
    spec = Spec(board.name, str(root), str(storage), plan.files, plan.bind, plan.daemons)
    told, log = keys / "spec.json", directory / "log"
    told.write_text(json.dumps(asdict(spec)), encoding="utf-8")
    pid = _spawn(told, log, plan.environment)
    try:
        _await_listening(board.name, pid, port, log)
        side.connect(plan)
        found = Running(
            board.name,
            pid,
            start_time(pid) or 0,
            ADDRESS,
            port,
            **plan.way,
        )
        found.write()
    except BaseException:
        _end(board.name, pid)
        raise
    return found


def _spawn(spec: Path, log: Path, environment: dict[str, str]) -> int:
    """Starts the first process in namespaces of its own, apart from this terminal."""
    unshare = requirements.program("unshare")
    command = [unshare, "--mount", "--uts", "--pid", "--fork", "--kill-child=SIGKILL"]
    command += ["--propagation", "private", "--", sys.executable, "-P", "-m"]
    command += ["edgeconv.emulated.init", str(spec)]
    package = str(Path(edgeconv.__file__).resolve().parents[1])
    environment = {"PATH": requirements.SYSTEM_PATH, "PYTHONPATH": package} | environment
    written = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.posix_spawn(
        unshare,
        command,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), written, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _await_listening(name: str, pid: int, port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and alive(pid):
        with suppress(OSError), socket.create_connection((ADDRESS, port), timeout=1):
            return
        time.sleep(0.02)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    raise DeviceFailed(f"{name} did not come up; it wrote: {' / '.join(said) or 'nothing'}")


def _end(name: str, pid: int) -> None:
    """Kills the device's first process and waits until the last one is gone.

    `pid` is `unshare`, which ends once its child is reaped: the kernel lets the first process of a
    process namespace go only after all others.
    """
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            for child in _children(pid) or [pid]:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            if not select.select([descriptor], [], [], _STOP_SECONDS)[0]:
                raise DeviceFailed(f"{name} did not end within {_STOP_SECONDS:g} s (process {pid})")
        finally:
            os.close(descriptor)
    alive(pid)


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in listed.split()]


def _tidy(directory: Path) -> None:
    """Leaves nothing of a run but what the device's user stored, and the log."""
    forget(directory.name)
    shutil.rmtree(directory / "keys", ignore_errors=True)
