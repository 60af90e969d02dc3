"""What the native agent leaves to the device's shell: all facts but the versions it runs with."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from edgeconv.devices.state.probe import probe
from edgeconv.devices.transport.base import Transport
from edgeconv.runtime.host import HostFacts


def shell_facts(transport: Transport) -> dict[str, Any]:
    """Facts as `HostFacts.to_json` gives them; what the device does not tell is left out.

    Raises:
        DeviceFailed, DeviceUnreachable: as `probe`.
    """
    told = probe(transport).to_json()
    facts = {field.name: told[field.name] for field in fields(HostFacts) if field.name in told}
    facts["cpu"] = told["model"] or "unknown"
    facts["system"] = ", ".join(filter(None, (told["system"], told["kernel"])))
    return {key: value for key, value in facts.items() if value is not None}
