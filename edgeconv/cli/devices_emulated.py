"""`edgeconv devices start` and `edgeconv devices stop`: emulated devices."""

from __future__ import annotations

import typer

from edgeconv.cli.options import complete

_NAME = typer.Argument(
    help="rpi4-emulated, rpi5-emulated or android-emulated.",
    metavar="NAME",
    autocompletion=complete.emulated,
)


def start(name: str = _NAME) -> None:
    """Start an emulated device: arm64 programs under QEMU behind the real sshd or adb.

    Nothing is installed or mounted on this machine; what it lacks is said with the commands that
    bring it. The first start unpacks a root file system into the user's cache.
    """
    from edgeconv.emulated import machine

    running = machine.start(name, lambda step: typer.echo(step, err=True))
    typer.echo(f"{name} runs; try it: {' '.join(running.login())}")
    typer.echo(f"measure on it: edgeconv bench NET --device {name}")
    typer.echo(f"end it: edgeconv devices stop {name}")


def stop(name: str = _NAME) -> None:
    """Stop an emulated device; of its run nothing is left but what was stored there."""
    from edgeconv.emulated import machine

    typer.echo(f"{name} {'stopped' if machine.stop(name) else 'was not running'}")
