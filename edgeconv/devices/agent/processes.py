"""One fresh process of each file: alone, or side by side with those of the other files.

Side by side, the processes start one after the other, each up to the end of its warm-up. Then they
take turns of a few tens of milliseconds; one runs at a time, and the others wait:

    start A   start B   start C   A B C   C B A   A B C   ...   A ends   C B   B C   ...

The order reverses, so that no file always comes right after the same other one. On one thread, the
first process stays on the core where the scheduler put it, and the others join it there: the cores
of a machine that others use too are not equally fast at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from edgeconv.devices.agent.conversation import Conversation
from edgeconv.devices.agent.machine import Machine, understood
from edgeconv.errors import ArtifactRefused, DeviceFailed, EngineCrashed
from edgeconv.runtime.requests import TimeRequest
from edgeconv.runtime.results import TimedResult, natural, read_timed

#: What a process measured, or why a GPU does not take its file; a CPU has to take them all.
Outcome = TimedResult | ArtifactRefused


def time_alone(machine: Machine, name: str, request: TimeRequest, deadline_s: float) -> Outcome:
    """Times a file in a process that has the machine to itself.

    Raises:
        As `Machine.ask`; a DeviceFailed names the file.
    """
    try:
        with _naming(name, request):
            return _result(machine, machine.ask(request, deadline_s=deadline_s)[-1])
    except ArtifactRefused as error:
        return _left_out(machine, error)


def time_side_by_side(
    machine: Machine, requests: Mapping[str, TimeRequest], deadline_s: float
) -> dict[str, Outcome]:
    """Times each file in a process of its own, all of them in turns.

    Args:
        machine: where.
        requests: by the file's name, each with `turn_ms`.
        deadline_s: seconds each process may take in all, without its waiting for the others.

    Raises:
        As `time_alone`. Whatever happens, no process is left.
    """
    with ExitStack() as stack:
        members: list[_Member] = []
        for name, request in requests.items():
            core = next((member.core for member in members if member.core is not None), None)
            if core is not None:
                request = replace(request, cores=(core,))
            with _naming(name, request):
                agent = stack.enter_context(machine.talk(request, deadline_s=deadline_s))
            members.append(_Member(machine, name, request, agent))
            members[-1].start()
        while waiting := [member for member in members if member.outcome is None]:
            for member in waiting:
                member.take_turn()
            members.reverse()
        return {member.name: member.outcome for member in members if member.outcome is not None}


class _Member:
    """One file's process among those of others.

    Attributes:
        name: of the file.
        outcome: None while it has not finished.
        core: where it runs, once it is ready; None where it is free to move.
    """

    outcome: Outcome | None = None
    core: int | None = None

    def __init__(
        self, machine: Machine, name: str, request: TimeRequest, agent: Conversation
    ) -> None:
        self.name = name
        self._machine = machine
        self._request = request
        self._agent = agent

    def start(self) -> None:
        """Lets it load and warm up; nothing of it runs afterwards.

        Raises:
            DeviceFailed: it measured without waiting for its turn, or as `Conversation.hear`.
        """
        self._step(self._agent.hear)
        if isinstance(self.outcome, TimedResult):
            with _naming(self.name, self._request):
                raise DeviceFailed("the measuring process did not wait for its turn")

    def take_turn(self) -> None:
        """Lets it run for a turn; errors are those of `Conversation.go`."""
        self._step(self._agent.go)

    def _step(self, heard: Callable[[], dict[str, Any]]) -> None:
        try:
            with _naming(self.name, self._request):
                message = heard()
                if message["type"] == "ready":
                    self.core = understood(_core, message)
                    return
                self.outcome = _result(self._machine, message)
        except ArtifactRefused as error:
            self.outcome = _left_out(self._machine, error)
        self._agent.close()


def _left_out(machine: Machine, error: ArtifactRefused) -> Outcome:
    """The refusal, where it is a GPU's; raises it where it is a CPU's."""
    if machine.provider == "cpu":
        raise error
    return error


def _core(message: dict[str, Any]) -> int | None:
    told = message.get("core")
    return None if told is None else natural(told)


def _result(machine: Machine, message: dict[str, Any]) -> TimedResult:
    """The result in an agent's last message; raises DeviceFailed where it is not to be used."""
    result = understood(read_timed, message)
    if result.provider != machine.provider:
        raise DeviceFailed(f"it ran on {result.provider}, not on {machine.provider}")
    return result


@contextmanager
def _naming(name: str, request: TimeRequest) -> Iterator[None]:
    """Names the file in what a process fails with."""
    try:
        yield
    except (DeviceFailed, EngineCrashed) as error:
        raise type(error)(f"{name} on {request.threads} thread(s): {error}") from error
