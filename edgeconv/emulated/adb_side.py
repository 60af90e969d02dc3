"""The real adb in front of an emulated phone: our adbd, and an adb server of the phone's own.

An adb server outlives its clients and holds every phone it finds. This one is a process of the
device like its adbd, on a port of its own, so it ends with the device and touches no other phone.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from edgeconv.emulated.adbd.connection import Settings
from edgeconv.emulated.boards import Board
from edgeconv.emulated.init import PRIVATE, ROOT
from edgeconv.emulated.requirements import program
from edgeconv.emulated.rootfs import properties
from edgeconv.emulated.side import ADDRESS, Plan, free_port
from edgeconv.errors import DeviceFailed

_CONNECT_SECONDS = 20.0


def plan(board: Board, keys: Path, port: int) -> Plan:
    """Says how to start adbd and the adb server, whose home the directory `keys` is."""
    server = free_port()
    environment = {
        "HOME": str(keys),
        "TMPDIR": str(keys),
        "ADB_USB": "0",
        "ADB_EMU": "0",
        "ADB_MDNS": "0",
    }
    return Plan(
        daemons=(
            _adbd(board, port),
            (program("adb"), "-P", str(server), "nodaemon", "server"),
        ),
        way={"serial": f"{ADDRESS}:{port}", "adb_port": server},
        files={"build.prop": properties(board)},
        bind={f"{PRIVATE}/build.prop": f"{ROOT}/system/build.prop"},
        environment=environment,
    )


def connect(plan: Plan) -> None:
    """Has the adb server connect to the phone; raises DeviceFailed where it does not.

    The client is asked only once the server listens: a client without a server starts one of its
    own, which nobody would end.
    """
    port, serial = plan.way["adb_port"], plan.way["serial"]
    deadline = time.monotonic() + _CONNECT_SECONDS
    told = "no answer from the adb server"
    while time.monotonic() < deadline:
        with suppress(OSError):
            socket.create_connection((ADDRESS, port), timeout=1).close()
            told = _ask(port, "connect", serial)  # exit code 0 whatever happens
            if _ask(port, "-s", serial, "get-state") == "device":
                return
        time.sleep(0.05)
    raise DeviceFailed(f"adb cannot connect to the emulated phone: {told[:300]}")


def _ask(port: int, *arguments: str) -> str:
    command = [program("adb"), "-P", str(port), *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_CONNECT_SECONDS
    )
    return (done.stdout or done.stderr).strip()


def _adbd(board: Board, port: int) -> tuple[str, ...]:
    environment = {
        "PATH": "/system/bin",
        "HOME": "/",
        "TMPDIR": board.home,
        "SHELL": "/system/bin/sh",
        "USER": board.user,
        "LOGNAME": board.user,
        "HOSTNAME": board.host_name,
        "ANDROID_ROOT": "/system",
        "ANDROID_DATA": "/data",
        "QEMU_CPU": board.cpu.qemu,
    }
    settings = Settings(model=board.model, environment=environment, root=str(ROOT), uid=board.uid)
    daemon = "edgeconv.emulated.adbd"
    return (sys.executable, "-P", "-m", daemon, str(port), json.dumps(asdict(settings)))
