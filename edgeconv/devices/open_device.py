"""A profile to an open connection."""

from __future__ import annotations

from edgeconv.devices.profile import Profile
from edgeconv.devices.transport import Transport
from edgeconv.errors import DeviceUnreachable, UsageError


def open_device(profile: Profile) -> Transport:
    """Connects to a device; use it as a context manager, whose end leaves nothing running there.

    Raises:
        DeviceUnreachable: there is no connection; the message says what was tried, what helps.
        UsageError: the profile names no host.
    """
    if profile.emulated and profile.host is None:
        raise DeviceUnreachable(
            f"{profile.name} does not run; start it: edgeconv devices start {profile.name}"
        )
    if profile.transport == "local":
        from edgeconv.devices.local_transport import LocalTransport

        return LocalTransport()
    if profile.transport == "ssh":
        from edgeconv.devices.ssh import SshTransport

        if profile.host is None:
            raise UsageError(
                f"{profile.name} says no host; give one with --host NAME or --host ADDRESS"
            )
        return SshTransport(profile)
    from edgeconv.devices.adb import AdbTransport

    return AdbTransport(profile)
