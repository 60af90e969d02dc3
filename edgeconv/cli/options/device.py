"""`--device` and the options that say how to get there, the same for every verb that takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import typer

from edgeconv.cli.options import complete

if TYPE_CHECKING:
    from edgeconv.devices.agent.machine import Machine
    from edgeconv.devices.profile.model import Profile

LOCAL = "local"


@dataclass(frozen=True)
class Way:
    """How a device is reached, where its profile does not say or says otherwise."""

    panel: ClassVar = "Device"

    host: str | None = typer.Option(None, help="The device's host name or address (ssh).")
    serial: str | None = typer.Option(None, help="The device's serial (adb).")
    port: int | None = typer.Option(None, help="Port of its ssh server, or of the adb server.")
    user: str | None = typer.Option(None, help="Who to log in as (ssh).")
    identity: Path | None = typer.Option(None, help="Private key file (ssh).")


DEVICE = typer.Option(
    LOCAL,
    help="Where to run; `edgeconv devices list` tells of all.",
    rich_help_panel=Way.panel,
    autocompletion=complete.device,
)


def profile(device: str, way: Way, *, gpu: bool = False) -> Profile:
    """The profile of `--device` with what else the command line says of it.

    Raises:
        UsageError: it runs on a GPU, and the verb does not (`gpu`).
    """
    from edgeconv.devices.profile import read as profiles

    found = profiles.load(device, profiles.Overrides(**vars(way)))
    return found if gpu else profiles.of_cpu(found)


@contextmanager
def machine(chosen: Profile) -> Iterator[Machine]:
    """The device, ready to work; what takes long is told on stderr."""
    from edgeconv.devices.agent.open_machine import open_machine
    from edgeconv.progress import PartOf
    from edgeconv.report.progress import Said

    with open_machine(chosen, PartOf(Said(), chosen.name)) as opened:
        yield opened
