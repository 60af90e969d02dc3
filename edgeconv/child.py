"""A module of this edgeconv as a process of its own."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def command(module: str) -> list[str]:
    """Runs it with this interpreter; `-P` keeps the working directory off its path."""
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """This process's, with the edgeconv that is running here first on the child's path."""
    root = str(Path(__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root}


def end_with(parent: int) -> bool:
    """Has the kernel end this process (SIGTERM) when its parent is killed; on Linux.

    Args:
        parent: the process that started this one.

    Returns:
        Whether it is there still: where it is not, it died before it could be asked for.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent
