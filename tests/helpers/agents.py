"""Agents that are asked one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeconv.devices.agent.conversation import Conversation
from edgeconv.runtime.requests import Request


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
