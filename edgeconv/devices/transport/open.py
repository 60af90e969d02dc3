"""A profile to an open connection."""

from __future__ import annotations

from edgeconv.devices.profile import read as profiles
from edgeconv.devices.profile.model import Profile
from edgeconv.devices.transport.base import Transport
from edgeconv.errors import DeviceUnreachable


def open_device(profile: Profile) -> Transport:
    """Connects to a device; use it as a context manager, whose end leaves nothing running there.

    Raises:
        DeviceUnreachable: there is no connection, or the device is of another architecture; the
            message says what was tried, and the ways on.
        UsageError: the profile names no host.
    """
    try:
        return connect(profile)
    except DeviceUnreachable as error:
        raise DeviceUnreachable(*error.args, *_ways_on(profile)) from error


def connect(profile: Profile) -> Transport:
    """The same, and a message without the ways on: for the check, which is one of them."""
    if profile.emulated and profile.host is None:
        raise DeviceUnreachable(
            f"{profile.name} does not run; start it: edgeconv devices start {profile.name}"
        )
    if profile.transport == "local":
        from edgeconv.devices.transport.local import LocalTransport

        return LocalTransport()
    if profile.transport == "ssh":
        from edgeconv.devices.transport.ssh import SshTransport

        return SshTransport(profile)
    from edgeconv.devices.transport.adb import AdbTransport

    return AdbTransport(profile)


def _ways_on(profile: Profile) -> tuple[str, ...]:
    """Lines for a message: what a user may do whose device cannot be reached."""
    if profile.emulated:
        return ()
    option, key, instead = "--host ADDRESS", "host", f"{profile.name}-emulated"
    if profile.transport == "adb":
        option, key, instead = "--serial SERIAL", "serial", "android-emulated"
    if instead not in profiles.names():
        instead = "rpi4-emulated"
    return (
        "ways on:",
        f"  set where it is: {option}, or once for all in "
        f'{profiles.directory() / profile.name}.toml: {key} = "..."',
        f"  see what is there: edgeconv devices check {profile.name}",
        f"  no such device at hand: edgeconv devices start {instead}, then --device {instead}",
    )
