"""The adb side of an emulated phone."""

from __future__ import annotations

from pathlib import Path

from edgeconv.devices.emulated.boards import Board
from edgeconv.devices.emulated.side import Plan
from edgeconv.errors import UnavailableError


def plan(board: Board, keys: Path, port: int) -> Plan:
    """Says how to start adbd; there is none yet."""
    raise UnavailableError(f"{board.name} cannot be started in this version")


def connect(plan: Plan) -> None:
    """Nothing to connect."""
