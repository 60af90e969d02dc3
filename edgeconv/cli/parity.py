"""edgeconv parity: every artifact of a bundle against the float reference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional, TypeVar

import typer

from edgeconv.cli import arguments, device_options

if TYPE_CHECKING:
    from edgeconv.devices.profile import Profile
    from edgeconv.export.bundle import Bundle
    from edgeconv.verify.on_device import DeviceParity
    from edgeconv.verify.parity import Thresholds
    from edgeconv.verify.stages import ParityReport

    Found = TypeVar("Found", ParityReport, DeviceParity)


def parity(
    bundle: Annotated[
        str,
        typer.Argument(
            help="A bundle's directory, or the name of a net exported here.", show_default=False
        ),
    ],
    float_error: Annotated[
        Optional[float],  # noqa: UP045 - typer reads the annotation at run time
        typer.Option(
            help="Largest error of the float files, as a share of the largest logit.",
            show_default="1e-5; 1e-4 past 50 layers",
        ),
    ] = None,
    int8_sqnr: Annotated[
        float, typer.Option(help="Least logit SQNR of the int8 files against float, in dB.")
    ] = 10.0,
    junit: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Also write the stages as a JUnit XML file.", show_default=False),
    ] = None,
    device: device_options.Device = device_options.LOCAL,
    host: device_options.Host = None,
    serial: device_options.Serial = None,
    port: device_options.Port = None,
    user: device_options.User = None,
    identity: device_options.Identity = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run every file of a BUNDLE on its golden photos and compare it with the PyTorch reference.

    On a device each file is compared with this machine's run of it too, and each int8 operator on
    identical integers. Exits 1 where a stage misses its threshold.
    """
    from edgeconv.report.output import check_writable

    check_writable(junit)
    directory = arguments.bundle_directory(bundle)
    chosen = device_options.profile(device, host, serial, port, user, identity)
    from edgeconv.export.bundle import Bundle
    from edgeconv.verify.parity import Thresholds

    opened = Bundle.load(directory)
    thresholds = Thresholds.of(float_error=float_error, int8_sqnr_db=int8_sqnr)
    if chosen.transport != device_options.LOCAL:
        _on_device(opened, chosen, thresholds, junit, as_json)
        return
    report = opened.parity(thresholds)
    for warning in report.warnings:
        typer.echo(f"warning: {warning}", err=True)
    from edgeconv.cli.shown import show_parity

    show = partial(_show, directory, report, show_parity, as_json)
    _tell(report, directory.name, junit, show)


def _on_device(
    bundle: Bundle, chosen: Profile, thresholds: Thresholds, junit: Path | None, as_json: bool
) -> None:
    """The same on a device."""
    from edgeconv.devices.session import opener

    with device_options.machine(chosen) as machine:
        found = bundle.parity_on(
            opener(machine), device=chosen.name, engines=chosen.engines, thresholds=thresholds
        )
    from edgeconv.cli.shown import show_device_parity

    show = partial(_show, bundle.directory, found, show_device_parity, as_json)
    _tell(found.report, f"{bundle.directory.name} on {chosen.name}", junit, show)


def _show(directory: Path, found: Found, in_words: Callable[[Found], None], as_json: bool) -> None:
    if as_json:
        from edgeconv.report import jsondoc

        jsondoc.show({"bundle": str(directory), **found.to_json()})
    else:
        in_words(found)


def _tell(report: ParityReport, suite: str, junit: Path | None, show: Callable[[], None]) -> None:
    """Writes and shows what was found; raises ThresholdMissed where a stage failed."""
    from edgeconv.cli.shown import write_junit
    from edgeconv.errors import ThresholdMissed

    try:
        if junit is not None:
            write_junit(junit, suite, report)
    finally:  # what was found is shown all the same
        show()
    if not report.passed:
        raise ThresholdMissed(f"parity missed its threshold: {'; '.join(report.failed)}")
