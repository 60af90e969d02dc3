"""Where agents run: a place for model files, and conversations with a fresh agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from edgeconv.devices.agent.conversation import Conversation
from edgeconv.devices.state.surroundings import Surroundings
from edgeconv.errors import DeviceFailed
from edgeconv.runtime.requests import Request, RunRequest
from edgeconv.runtime.session import Provider

_T = TypeVar("_T")


class Machine(Protocol):
    """A device that is ready to work.

    Attributes:
        name: what the user calls the device.
        emulated: whether its clock means nothing and instructions are counted instead.
        provider: what computes there.
        most_agents: how many may be talked to at a time.
    """

    name: str
    emulated: bool
    provider: Provider
    most_agents: int

    def place(self, path: Path) -> str:
        """Makes a file available to agents; gives its path there."""
        ...

    def ask(self, request: Request, *, deadline_s: float) -> list[dict[str, Any]]:
        """Starts a fresh agent, asks it one thing, and gives its messages.

        Raises:
            DeviceFailed: it died, passed the deadline, or did not answer.
            ArtifactRefused, UnavailableError, UsageError: what it says of file and request.
        """
        with self.talk(request, deadline_s=deadline_s) as agent:
            agent.hear()
            return agent.messages

    def talk(self, request: Request, *, deadline_s: float) -> Conversation:
        """A conversation with a fresh agent, for what takes more than one answer.

        Use it as a context manager, whose end is the agent's; errors are those of `ask`.
        """
        ...

    def surroundings(self) -> Surroundings:
        """Power and cooling at this moment, as far as the device tells."""
        ...

    def run(self, request: RunRequest, *, output_bytes: int, deadline_s: float) -> None:
        """Runs a placed file on recorded inputs.

        Args:
            request: `path` is on the device; `inputs` and `outputs` are files on this machine.
            output_bytes: what the outputs take, at most.
            deadline_s: seconds the runs may take.

        Raises:
            ConnectionLost: the way to the device broke; it can be tried again.
            Otherwise as `ask`.
        """
        ...


def understood(read: Callable[[dict[str, Any]], _T], message: dict[str, Any]) -> _T:
    """What `read` makes of an agent's message; raises DeviceFailed where it is nonsense."""
    try:
        return read(message)
    except ValueError as error:
        raise DeviceFailed(f"the agent answered nonsense: {error}") from error
