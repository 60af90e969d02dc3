"""`--device` and the options that say how to get there, the same for every verb that takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from edgeconv.errors import UsageError

if TYPE_CHECKING:
    from edgeconv.devices.agent.machine import Machine
    from edgeconv.devices.profile.model import Profile

Device = Annotated[
    str, typer.Option("--device", help="Where to run; `edgeconv devices list` tells of all.")
]
Host = Annotated[
    Optional[str],  # noqa: UP045 - typer reads the annotation at run time
    typer.Option("--host", help="The device's host name or address (ssh).", show_default=False),
]
Serial = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--serial", help="The device's serial (adb).", show_default=False),
]
Port = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--port", help="Port of its ssh server, or of the adb server.", show_default=False
    ),
]
User = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--user", help="Who to log in as (ssh).", show_default=False),
]
Identity = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--identity", help="Private key file (ssh).", show_default=False),
]

LOCAL = "local"


def profile(
    device: str,
    host: str | None,
    serial: str | None,
    port: int | None,
    user: str | None,
    identity: Path | None,
    *,
    gpu: bool = False,
) -> Profile:
    """The profile of `--device` with what else the command line says of it.

    Raises:
        UsageError: it runs on a GPU, and the verb does not (`gpu`).
    """
    from edgeconv.devices.profile import read as profiles

    overrides = profiles.Overrides(
        host=host, serial=serial, port=port, user=user, identity=identity
    )
    found = profiles.load(device, overrides)
    if found.provider != "cpu" and not gpu:
        raise UsageError(
            f"{found.name} computes on a GPU, and only bench does that; for this machine's CPU "
            "leave --device out"
        )
    return found


@contextmanager
def machine(chosen: Profile) -> Iterator[Machine]:
    """The device, ready to work; what takes long is told on stderr."""
    from edgeconv.devices.agent.open_machine import open_machine

    def told(step: str) -> None:
        typer.echo(f"{chosen.name}: {step}", err=True)

    with open_machine(chosen, told) as opened:
        yield opened
