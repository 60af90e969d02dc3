"""What runs on this machine, for tests that leave nothing running."""

from __future__ import annotations

import os
import time
from pathlib import Path

#: On a loaded machine; nothing that passes waits for it.
WITHIN_S = 300.0


def running(token: str) -> list[int]:
    """Processes, this one apart, with `token` in their command line; the dead have none."""
    found = []
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit() or int(directory.name) == os.getpid():
            continue
        try:
            words = (directory / "cmdline").read_bytes()
        except OSError:
            continue
        if token.encode() in words:
            found.append(int(directory.name))
    return found


def gone(token: str, within_s: float = WITHIN_S) -> bool:
    """Whether every such process ends in time."""
    give_up = time.monotonic() + within_s
    while running(token):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def started(token: str, within_s: float = WITHIN_S) -> bool:
    """Whether such a process appears in time."""
    give_up = time.monotonic() + within_s
    while not running(token):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True
