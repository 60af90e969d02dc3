"""Devices as tables on stdout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.report.tables import Column, Table, Told, show

if TYPE_CHECKING:
    from edgeconv.devices.check import Checked
    from edgeconv.devices.profile.model import Profile


def show_devices(found: Sequence[Profile], broken: Mapping[str, str], own: Path) -> None:
    """A line for each device."""
    told: Told[Profile] = [
        (Column("device"), lambda device: device.name),
        (Column("what"), lambda device: device.title),
        (Column("over", rank=2), lambda device: device.transport),
        (Column("where", rank=3), _where),
        (Column("architecture", rank=4), lambda device: device.architecture),
        (Column("engines", rank=1), lambda device: ", ".join(device.engines)),
    ]
    notes = [f"your own profiles go into {own}", *(f"error: {what}" for what in broken.values())]
    show(Table.of(found, told, notes=notes))


def show_check(checked: Checked) -> None:
    """A line for each finding, and what to do about it below."""
    rows = [(f.what, f.value, f.verdict) for f in checked.findings]
    notes = [f"{f.what}: {f.advice}" for f in checked.findings if f.advice]
    columns = (Column("checked"), Column("value"), Column("verdict"))
    title = f"{checked.profile.name} at {checked.address}"
    show(Table(columns, rows, title=title, notes=notes))


def _where(profile: Profile) -> str | None:
    """The address, as far as the profile has one."""
    if profile.transport == "adb":
        return profile.serial or ("not running" if profile.emulated else "the only one connected")
    if profile.transport == "local":
        return None
    if profile.host is None:
        return "not running" if profile.emulated else "needs --host"
    user = f"{profile.user}@" if profile.user else ""
    port = f":{profile.port}" if profile.port else ""
    return f"{user}{profile.host}{port}"
