"""edgeconv devices: which there are, and whether they can be reached and used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeconv.cli import device_options, devices_emulated

if TYPE_CHECKING:
    from edgeconv.devices.profile.model import Profile

app = typer.Typer(
    help="The devices that --device takes: list them, check one, start and stop emulated ones.",
    no_args_is_help=True,
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The device.", show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
#: As UnavailableError.
_UNUSABLE = 3


@app.command("list")
def list_devices(as_json: _Json = False) -> None:
    """List the devices that are known, your own among them."""
    from edgeconv.devices.profile import read as profiles

    found, broken = _all()
    if as_json:
        from edgeconv.report import jsondoc

        jsondoc.show({"devices": found, "broken": broken, "own": profiles.directory()})
        return
    from edgeconv.cli.shown.devices import show_devices

    show_devices(found, broken, profiles.directory())


@app.command("check")
def check_device(
    name: _Name,
    host: device_options.Host = None,
    serial: device_options.Serial = None,
    port: device_options.Port = None,
    user: device_options.User = None,
    identity: device_options.Identity = None,
    as_json: _Json = False,
) -> None:
    """Is it reachable, of the right architecture, and in a state to be measured?

    Exits with 3 where it cannot be reached, or something is missing there.
    """
    from edgeconv.devices.check import check
    from edgeconv.errors import UnavailableError

    chosen = device_options.profile(name, host, serial, port, user, identity, gpu=True)
    try:
        checked = check(chosen)
    except UnavailableError as error:
        if as_json:
            _show_json({"name": name, "reachable": False, "usable": False, "error": str(error)})
        raise
    if as_json:
        _show_json(checked.to_json())
    else:
        from edgeconv.cli.shown.devices import show_check

        show_check(checked)
    if not checked.usable:
        raise typer.Exit(_UNUSABLE)


app.command("start")(devices_emulated.start)
app.command("stop")(devices_emulated.stop)


def _show_json(document: dict[str, Any]) -> None:
    from edgeconv.report import jsondoc

    jsondoc.show(document)


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
