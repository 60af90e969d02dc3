"""A device behind a transport as a place for agents."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeconv.devices.agent.conversation import Conversation, died
from edgeconv.devices.agent.machine import Machine
from edgeconv.devices.state.surroundings import Surroundings
from edgeconv.devices.transport.base import Transport
from edgeconv.devices.transport.envelope import last_words
from edgeconv.disk import sha256_of
from edgeconv.emulated.counter import PREFIX
from edgeconv.errors import (
    ConnectionLost,
    DeviceFailed,
    DeviceSilent,
    DeviceUnreachable,
    EngineCrashed,
)
from edgeconv.runtime.requests import FactsRequest, Request, RunRequest, TimeRequest
from edgeconv.runtime.session import Provider


def place(transport: Transport, path: Path) -> str:
    """Pushes a file where its bytes are not there yet; gives its path on the device.

    Values that it keeps in other files come along in it.
    """
    from edgeconv.files.onnx.load import self_contained  # onnx, which listing devices does without

    with self_contained(path) as whole:
        remote = f"{transport.root}/files/{sha256_of(whole)}{path.suffix.lower()}"
        transport.push(whole, remote)
    return remote


class _Distant(Conversation):
    """Tells a lost connection from a process that failed."""

    def __init__(
        self, transport: Transport, command: Sequence[str], request: Request, *, deadline_s: float
    ) -> None:
        watch = transport.watch(f"{transport.address}: the measuring process")
        super().__init__(command, request, deadline_s=deadline_s, watch=watch)
        self._transport = transport

    def hear(self) -> dict[str, Any]:
        try:
            return super().hear()
        except DeviceFailed as error:
            self.close()
            # Asked in any case: what finds the connection gone makes it anew the next time.
            if not self._transport.is_intact() and not isinstance(
                error, ConnectionLost | DeviceSilent
            ):
                raise self._lost(self.stderr) from error
            raise

    def _death(self) -> DeviceFailed | EngineCrashed:
        code, stderr = self._transport.command_end(self._process.returncode, self.stderr)
        return self._lost(stderr) if code is None else died(code, stderr)

    def _lost(self, stderr: bytes) -> ConnectionLost:
        return ConnectionLost(
            f"{self._transport.address}: the connection was lost while the measuring process ran"
            f"{last_words(stderr)}"
        )


class RemoteMachine(Machine):
    """A device with an agent on it."""

    provider: Provider = "cpu"
    #: sshd lets a connection carry ten sessions (MaxSessions), of which the transport needs two.
    most_agents = 8

    def __init__(
        self,
        name: str,
        transport: Transport,
        agent: Sequence[str],
        *,
        emulated: bool = False,
        surroundings: Callable[[], Surroundings] = Surroundings,
        facts: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """Takes a transport, the agent's command line on the device, and what tells of its power.

        On an emulated device what is timed on others runs where instructions are counted. `facts`
        gives those that the agent itself does not tell.
        """
        self.name = name
        self.emulated = emulated
        self._transport = transport
        self._agent = list(agent)
        self._surroundings = surroundings
        self._facts = facts

    def place(self, path: Path) -> str:
        """Pushes a file where its bytes are not there yet."""
        return place(self._transport, path)

    def ask(self, request: Request, *, deadline_s: float) -> list[dict[str, Any]]:
        """As `Machine.ask`; ConnectionLost where the way to the device broke meanwhile."""
        messages = super().ask(request, deadline_s=deadline_s)
        if isinstance(request, FactsRequest):
            messages[-1] = {**self._facts(), **messages[-1]}
        return messages

    def talk(self, request: Request, *, deadline_s: float) -> Conversation:
        """As `Machine.talk`; ConnectionLost where the way to the device broke meanwhile."""
        counted = self.emulated and isinstance(request, TimeRequest)
        command = self._transport.command([*(PREFIX if counted else ()), *self._agent])
        return _Distant(self._transport, command, request, deadline_s=deadline_s)

    def surroundings(self) -> Surroundings:
        """As `Machine.surroundings`."""
        return self._surroundings()

    def run(self, request: RunRequest, *, output_bytes: int, deadline_s: float) -> None:
        """As `Machine.run`."""
        token = secrets.token_hex(8)
        inputs, outputs = (f"{self._transport.root}/runs/{token}.{end}" for end in ("in", "out"))
        try:
            self._transport.push(Path(request.inputs), inputs)
            there = replace(request, inputs=inputs, outputs=outputs)
            self.ask(there, deadline_s=deadline_s)
            self._transport.pull(outputs, Path(request.outputs), most_bytes=output_bytes)
        finally:
            self._remove(inputs, outputs)

    def _remove(self, *paths: str) -> None:
        """Removes files there; where the connection is gone they stay for the next tidying.

        Raises:
            DeviceSilent: the device was there, and answers nothing now: nobody need try again.
        """
        try:
            self._transport.run(["rm", "-f", *paths])
        except DeviceSilent:
            raise
        except (DeviceFailed, DeviceUnreachable):
            return
