"""edgeconv parity: every artifact of a bundle against the float reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from edgeconv.cli import arguments, device_options
from edgeconv.cli.bundles_here import given_or_here
from edgeconv.errors import ThresholdMissed
from edgeconv.verify.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from edgeconv.devices.profile.model import Profile
    from edgeconv.export.bundle.bundle import Bundle
    from edgeconv.verify.parity.stages import ParityReport

    Check = Callable[[Bundle, Thresholds], "_Checked"]


def parity(
    bundle: Annotated[
        Optional[str],  # noqa: UP045 - typer reads the annotation at run time
        typer.Argument(
            help="A bundle's directory, or the name of a net exported here.",
            show_default="the bundles in this directory",
        ),
    ] = None,
    float_error: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            help="Largest error of the float files, as a share of the largest logit.",
            show_default="1e-5; 1e-4 past 50 layers",
        ),
    ] = None,
    int8_sqnr_db: Annotated[
        float, typer.Option(help="Least logit SQNR of the int8 files against float, in dB.")
    ] = DEFAULTS.int8_sqnr_db,
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
    from edgeconv.disk import check_writable

    check_writable(junit)
    targets = given_or_here([] if bundle is None else [bundle])
    directories = [arguments.bundle_directory(target) for target in targets]
    chosen = device_options.profile(device, host, serial, port, user, identity)
    from edgeconv.export.bundle.bundle import Bundle

    thresholds = Thresholds.of(float_error=float_error, int8_sqnr_db=int8_sqnr_db)
    opened = [Bundle.load(directory) for directory in directories]
    elsewhere = chosen.transport != device_options.LOCAL
    check: Check = partial(_on_device, chosen) if elsewhere else _here
    checked = [check(one, thresholds) for one in opened]
    try:
        if junit is not None:
            _write_junit(junit, checked)
    finally:  # what was found is shown all the same
        _show(checked, as_json)
    missed = [name for one in checked for name in _named(one, len(checked) == 1).failed]
    if missed:
        raise ThresholdMissed(f"parity missed its threshold: {'; '.join(missed)}")


@dataclass(frozen=True)
class _Checked:
    """What was found of one bundle.

    Attributes:
        directory: the bundle's.
        suite: what the check is called in a JUnit file.
        report: its stages.
        document: all that was found, as plain values.
        show: prints it in words.
    """

    directory: Path
    suite: str
    report: ParityReport
    document: dict[str, Any]
    show: Callable[[], None]


def _here(bundle: Bundle, thresholds: Thresholds) -> _Checked:
    from edgeconv.cli.shown.parity import show_parity

    report = bundle.parity(thresholds)
    for warning in report.warnings:
        typer.echo(f"warning: {warning}", err=True)
    show = partial(show_parity, report)
    return _Checked(bundle.directory, _name(bundle.directory), report, report.to_json(), show)


def _on_device(chosen: Profile, bundle: Bundle, thresholds: Thresholds) -> _Checked:
    from edgeconv.cli.shown.parity import show_device_parity
    from edgeconv.devices.agent.session import opener

    with device_options.machine(chosen) as machine:
        found = bundle.parity_on(
            opener(machine), device=chosen.name, engines=chosen.engines, thresholds=thresholds
        )
    suite = f"{_name(bundle.directory)} on {chosen.name}"
    show = partial(show_device_parity, found)
    return _Checked(bundle.directory, suite, found.report, found.to_json(), show)


def _name(directory: Path) -> str:
    """The directory's own name, also where it is the current one."""
    return directory.absolute().name


def _named(checked: _Checked, alone: bool) -> ParityReport:
    """The report, its stages named by their bundle where there are several."""
    if alone:
        return checked.report
    return replace(
        checked.report,
        stages=tuple(
            replace(stage, name=f"{_name(checked.directory)}: {stage.name}")
            for stage in checked.report.stages
        ),
    )


def _write_junit(path: Path, checked: Sequence[_Checked]) -> None:
    """One suite of all stages."""
    from edgeconv.cli.shown.parity import write_junit

    named = [_named(one, len(checked) == 1) for one in checked]
    stages = tuple(stage for report in named for stage in report.stages)
    suite = ", ".join(one.suite for one in checked)
    write_junit(path, suite, replace(checked[0].report, stages=stages))


def _show(checked: Sequence[_Checked], as_json: bool) -> None:
    """Each bundle's stages; as one document, that of a single bundle or a list of them."""
    if as_json:
        from edgeconv.report import jsondoc

        found = [{"bundle": str(one.directory), **one.document} for one in checked]
        jsondoc.show(found[0] if len(found) == 1 else {"bundles": found})
        return
    for one in checked:
        if len(checked) > 1:
            typer.echo(f"{one.directory}:")
        one.show()
