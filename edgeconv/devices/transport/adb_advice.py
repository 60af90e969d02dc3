"""Which device is meant, and what helps where it cannot be had."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeconv.devices.transport.adb_client import Listed

NO_PROGRAM = (
    "the adb program is not installed; install Android's platform tools "
    "(Debian, Ubuntu: `sudo apt install adb`)"
)
_READY = "device"

#: adb's word for a state: what it means, what helps, and whether it may pass by itself.
_STATES = {
    "unauthorized": (
        "it has not allowed this computer",
        "unlock it and allow USB debugging in the dialogue it shows (none there? take the cable "
        "out and in again)",
        False,
    ),
    "authorizing": (
        "it has not allowed this computer yet",
        "unlock it and allow USB debugging in the dialogue it shows",
        True,
    ),
    "offline": (
        "it does not answer adb",
        "take the cable out and in again, or `adb reconnect offline`",
        True,
    ),
    "connecting": ("adb is still connecting to it", "try again", True),
    "no permissions": (
        "this user may not open its USB device",
        "Debian, Ubuntu: `sudo apt install android-sdk-platform-tools-common`, then take the "
        "cable out and in again",
        False,
    ),
}
_HOW = (
    "connect it by USB and switch on USB debugging in its developer options, or give --serial "
    "HOST:PORT for one in the network"
)


@dataclass(frozen=True)
class Absent:
    """No device to talk to.

    Attributes:
        message: why not, and what helps.
        may_pass: whether it may change within seconds.
    """

    message: str
    may_pass: bool


def chosen(listed: Sequence[Listed], wanted: str | None) -> Listed | Absent:
    """The device that is meant: the one of that serial, or the only one there is."""
    if wanted is None:
        if not listed:
            return Absent(f"no device is connected to adb; {_HOW}", may_pass=True)
        if len(listed) > 1:
            return Absent(
                f"adb knows {len(listed)} devices, {_shown(listed)}; choose one with --serial",
                may_pass=False,
            )
    found = [d for d in listed if wanted in (None, d.serial)]
    if not found:
        there = f"adb knows only {_shown(listed)}" if listed else "adb knows none"
        return Absent(f"{wanted}: no device of that serial; {there}; {_HOW}", may_pass=True)
    return found[0] if found[0].state == _READY else _not_ready(found[0])


def after_connect(absent: Absent, told: str) -> Absent:
    """The same with what `adb connect` said; it may be there now, or ask its owner first."""
    if re.match("(already )?connected to|failed to authenticate", told):
        return replace(absent, may_pass=True)
    return Absent(f"{absent.message} (adb said: {told})", may_pass=False)


def is_lost(words: str) -> bool:
    """Whether adb's last words tell of the connection, not of a file."""
    return bool(
        re.search(
            r"device .*not found|device offline|no devices|connect failed|protocol fault|"
            r"error: closed|unexpected EOF|read copy response: (EOF|Success|No such device)|"
            r"Broken pipe|Connection reset|couldn't read from device|failed to read (from )?",
            words,
        )
    )


def _not_ready(device: Listed) -> Absent:
    for state, (meaning, advice, may_pass) in _STATES.items():
        if device.state.startswith(state):
            return Absent(f"{device.serial}: {meaning} ({state}); {advice}", may_pass)
    return Absent(
        f"{device.serial}: it is in the state {device.state[:40]!r}; start Android on it",
        may_pass=False,
    )


def _shown(listed: Sequence[Listed]) -> str:
    return ", ".join(f"{d.serial} ({d.state})" for d in listed[:8])
