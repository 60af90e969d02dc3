"""This machine as a device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeconv import child
from edgeconv.devices.agent.conversation import Conversation
from edgeconv.devices.agent.machine import Machine
from edgeconv.devices.state.gpu import gpus_here
from edgeconv.devices.state.surroundings import Surroundings
from edgeconv.runtime.open import engine_of
from edgeconv.runtime.requests import Request, RunRequest
from edgeconv.runtime.session import Provider

NAME = "local"
_AGENT = "edgeconv.runtime.agent"
_TORCH_AGENT = "edgeconv.devices.agent.torch_agent"


class LocalMachine(Machine):
    """This machine: agents are processes of this Python, files stay where they are."""

    emulated = False
    #: Each holds its net, and its engine, in memory.
    most_agents = 32

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        name: str = NAME,
        provider: Provider = "cpu",
    ) -> None:
        """This machine's CPU, or its GPU.

        Args:
            command: the agent's command line; None is this Python with edgeconv's agents.
            name: what the user calls it.
            provider: what computes.
        """
        self.name = name
        self.provider: Provider = provider
        self._command = command

    def place(self, path: Path) -> str:
        """The file's own path; links stay, for what a model names lies beside the link."""
        return str(path.absolute())

    def talk(self, request: Request, *, deadline_s: float) -> Conversation:
        """As `Machine.talk`."""
        command = self._command or agent_command(_agent_for(request))
        return Conversation(command, request, deadline_s=deadline_s, env=child.environment())

    def surroundings(self) -> Surroundings:
        """As `Machine.surroundings`: its GPUs, where they are what computes."""
        return Surroundings(gpus=() if self.provider == "cpu" else gpus_here())

    def run(self, request: RunRequest, *, output_bytes: int, deadline_s: float) -> None:
        """As `Machine.run`."""
        del output_bytes  # nothing is sent
        self.ask(request, deadline_s=deadline_s)


def agent_command(module: str = _AGENT) -> list[str]:
    """Runs an agent with this interpreter."""
    return child.command(module)


def _agent_for(request: Request) -> str:
    """The module of the agent that knows the requested file's engine."""
    path = getattr(request, "path", None)
    return _TORCH_AGENT if path is not None and engine_of(Path(path)) == "torch" else _AGENT
