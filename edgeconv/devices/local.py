"""This machine as a device."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import edgeconv.runtime
from edgeconv.devices.conversation import converse
from edgeconv.runtime.requests import Request, RunRequest

NAME = "local"


class LocalMachine:
    """This machine: agents are processes of this Python, files stay where they are."""

    name = NAME
    emulated = False

    def __init__(self, command: Sequence[str] | None = None) -> None:
        """Takes the agent's command line; the default is this Python with edgeconv's agent."""
        self._command = list(command or agent_command())

    def place(self, path: Path) -> str:
        """The file's own path."""
        return str(path.resolve())

    def ask(self, request: Request, *, deadline_s: float) -> list[dict[str, Any]]:
        """As `Machine.ask`."""
        return converse(self._command, request, deadline_s=deadline_s, env=_environment())

    def run(self, request: RunRequest, *, output_bytes: int, deadline_s: float) -> None:
        """As `Machine.run`."""
        del output_bytes  # nothing is sent
        self.ask(request, deadline_s=deadline_s)


def agent_command() -> list[str]:
    """Runs the agent with this interpreter; `-P` keeps the working directory off its path."""
    return [sys.executable, "-P", "-m", "edgeconv.runtime.agent"]


def _environment() -> dict[str, str]:
    """This process's, with the edgeconv that is running here first on the agent's path."""
    root = str(Path(edgeconv.runtime.__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root}
