"""A module of this edgeconv as a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def command(module: str) -> list[str]:
    """Runs it with this interpreter; `-P` keeps the working directory off its path."""
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """This process's, with the edgeconv that is running here first on the child's path."""
    root = str(Path(__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root}
