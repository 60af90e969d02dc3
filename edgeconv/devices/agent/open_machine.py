"""A profile to a device that is ready to work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.agent.machine import Machine
from edgeconv.devices.agent.native.provision import prepare_native_agent
from edgeconv.devices.agent.provision import prepare_python_agent
from edgeconv.devices.agent.remote import RemoteMachine
from edgeconv.devices.profile.model import Profile
from edgeconv.devices.state import surroundings
from edgeconv.devices.state.probe import shell_facts
from edgeconv.devices.transport.open import open_device
from edgeconv.progress import SILENT, Progress


@contextmanager
def open_machine(profile: Profile, progress: Progress = SILENT) -> Iterator[Machine]:
    """Connects to a device and puts the agent there; nothing runs there any more afterwards.

    Args:
        profile: the device.
        progress: told what is being done, where it takes long.

    Raises:
        DeviceUnreachable: there is no connection, or nothing there the agent can run on.
        UnavailableError: there are no wheels of the engines for it.
        DeviceFailed, ConnectionLost: the device failed, or the connection to it.
    """
    if profile.transport == "local":
        yield LocalMachine(name=profile.name, provider=profile.provider)
        return
    with open_device(profile) as transport:
        facts: Callable[[], Mapping[str, Any]] = dict
        if profile.agent == "native":
            agent = prepare_native_agent(transport, progress)
            facts = partial(shell_facts, transport)
        else:
            agent = prepare_python_agent(transport, profile, progress)
        yield RemoteMachine(
            profile.name,
            transport,
            agent,
            emulated=profile.emulated,
            surroundings=lambda: surroundings.ask(transport, profile),
            facts=facts,
        )
