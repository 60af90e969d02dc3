"""What the native agent leaves to the device's shell: all facts but the versions it runs with."""

from __future__ import annotations

from typing import Any

from edgeconv.devices.state.probe import probe
from edgeconv.devices.transport.base import Transport


def shell_facts(transport: Transport) -> dict[str, Any]:
    """Facts as `HostFacts.to_json` gives them; what the device does not tell is left out.

    Raises:
        DeviceFailed, DeviceUnreachable: as `probe`.
    """
    told = probe(transport)
    facts = {
        "cpu": told.model or "unknown",
        "architecture": told.architecture,
        "system": ", ".join(name for name in (told.system, told.kernel) if name),
        "cores": told.cores,
        "usable_cores": told.usable_cores,
        "memory_mib": told.memory_mib,
        "governors": told.governors,
        "frequencies_mhz": told.frequencies_mhz,
        "temperatures_c": dict(told.temperatures_c),
        "load_1min": told.load_1min,
    }
    return {key: value for key, value in facts.items() if value is not None}
