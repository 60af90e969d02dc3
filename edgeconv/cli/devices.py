"""edgeconv devices: which there are, and whether they can be reached and used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from edgeconv.cli import verbs
from edgeconv.cli.options import complete, device
from edgeconv.cli.options.groups import gathered
from edgeconv.cli.options.output import JSON, show
from edgeconv.cli.shown.devices import show_check, show_devices
from edgeconv.report.console import say

if TYPE_CHECKING:
    from edgeconv.devices.profile.model import Profile

app = typer.Typer(
    help="The devices that --device takes: list them, check one, start and stop emulated ones.",
    no_args_is_help=True,
)

_EMULATED = typer.Argument(
    help="rpi4-emulated, rpi5-emulated or android-emulated.",
    metavar="NAME",
    autocompletion=complete.emulated,
)
#: As UnavailableError.
_UNUSABLE = 3


def list_devices(as_json: bool = JSON) -> None:
    """List the devices that are known, your own among them."""
    from edgeconv.devices.profile import read as profiles

    found, broken = _all()
    own = profiles.directory()
    document = {"devices": found, "broken": broken, "own": own}
    show(document, lambda: show_devices(found, broken, own), as_json=as_json)


@gathered
def check_device(
    *,
    name: str = typer.Argument(metavar="NAME", help="The device.", autocompletion=complete.device),
    as_json: bool = JSON,
    way: device.Way,
) -> None:
    """Is it reachable, of the right architecture, and in a state to be measured?

    Exits with 3 where it cannot be reached, or something is missing there.
    """
    from edgeconv.devices.check import check
    from edgeconv.errors import UnavailableError

    chosen = device.profile(name, way, gpu=True)
    try:
        checked = check(chosen)
    except UnavailableError as error:
        document = {"name": name, "reachable": False, "usable": False, "error": str(error)}
        show(document, lambda: None, as_json=as_json)
        raise
    show(checked, lambda: show_check(checked), as_json=as_json)
    if not checked.usable:
        raise typer.Exit(_UNUSABLE)


def start(name: str = _EMULATED) -> None:
    """Start an emulated device: arm64 programs under QEMU behind the real sshd or adb.

    Nothing is installed or mounted on this machine; what it lacks is said with the commands that
    bring it. The first start unpacks a root file system into the user's cache.
    """
    from edgeconv.emulated import machine
    from edgeconv.report.progress import Said

    running = machine.start(name, Said())
    say(f"{name} runs; try it: {' '.join(running.login())}")
    say(f"measure on it: edgeconv bench NET --device {name}")
    say(f"end it: edgeconv devices stop {name}")


def stop(name: str = _EMULATED) -> None:
    """Stop an emulated device; of its run nothing is left but what was stored there."""
    from edgeconv.emulated import machine

    say(f"{name} {'stopped' if machine.stop(name) else 'was not running'}")


def _all() -> tuple[list[Profile], dict[str, str]]:
    """Every profile, and what is wrong with those that cannot be read."""
    from edgeconv.devices.profile import read as profiles
    from edgeconv.errors import UsageError

    found: list[Profile] = []
    broken: dict[str, str] = {}
    for name in profiles.names():
        try:
            found.append(profiles.load(name))
        except UsageError as error:
            broken[name] = str(error)
    return found, broken


verbs.add(app, "devices list", list_devices)
verbs.add(app, "devices check", check_device)
verbs.add(app, "devices start", start)
verbs.add(app, "devices stop", stop)
