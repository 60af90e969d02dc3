"""Agents that are asked one thing, and a machine that tells which it started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeconv.devices.agent.conversation import Conversation
from edgeconv.devices.agent.local import LocalMachine
from edgeconv.runtime.requests import Request, TimeRequest


def converse(
    command: Sequence[str],
    request: Request,
    *,
    deadline_s: float,
    env: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Starts `command`, asks it one thing, and gives its messages up to the last one.

    Args and errors are those of `Conversation`.
    """
    with Conversation(command, request, deadline_s=deadline_s, env=env) as agent:
        agent.hear()
        return agent.messages


class RecordingMachine(LocalMachine):
    """This machine, which keeps the file and the threads of every process it times."""

    def __init__(self) -> None:
        super().__init__()
        self.timed: list[tuple[str, int]] = []

    def talk(self, request: Request, *, deadline_s: float) -> Conversation:
        """As `LocalMachine.talk`."""
        if isinstance(request, TimeRequest):
            self.timed.append((Path(request.path).name, request.threads))
        return super().talk(request, deadline_s=deadline_s)
