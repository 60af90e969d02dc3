"""edgeconv parity: every artifact of a bundle against the float reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edgeconv.cli import arguments
from edgeconv.cli.bundles_here import given_or_here
from edgeconv.cli.options import complete, output
from edgeconv.cli.options import device as devices
from edgeconv.cli.options.checks import Checks
from edgeconv.cli.options.groups import gathered
from edgeconv.cli.shown.parity import show_device_parity, show_parity, write_junit
from edgeconv.errors import ThresholdMissed

if TYPE_CHECKING:
    from edgeconv.devices.profile.model import Profile
    from edgeconv.export.bundle.bundle import Bundle
    from edgeconv.verify.parity.stages import ParityReport
    from edgeconv.verify.thresholds import Thresholds

    Check = Callable[[Bundle, Thresholds], "_Checked"]


@gathered
def parity(
    *,
    bundle: str | None = typer.Argument(
        None,
        help="A bundle's directory, or the name of a net exported here.",
        show_default="the bundles in this directory",
        autocompletion=complete.bundle,
    ),
    junit: Path | None = output.JUNIT,
    as_json: bool = output.JSON,
    checks: Checks,
    device: str = devices.DEVICE,
    way: devices.Way,
) -> None:
    """Run every file of a BUNDLE on its golden photos and compare it with the PyTorch reference.

    On a device each file is compared with this machine's run of it too, and each int8 operator on
    identical integers. Exits 1 where a stage misses its threshold.
    """
    from edgeconv.disk import check_writable

    check_writable(junit)
    targets = given_or_here([] if bundle is None else [bundle])
    directories = [arguments.bundle_directory(target) for target in targets]
    chosen = devices.profile(device, way)
    from edgeconv.export.bundle.bundle import Bundle

    thresholds = checks.thresholds()
    opened = [Bundle.load(directory) for directory in directories]
    elsewhere = chosen.transport != devices.LOCAL
    check: Check = partial(_on_device, chosen) if elsewhere else _here
    checked = [check(one, thresholds) for one in opened]
    try:
        if junit is not None:
            _write_junit(junit, checked)
    finally:  # what was found is shown all the same
        output.show(_document(checked), lambda: _show(checked), as_json=as_json)
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
    report = bundle.parity(thresholds)
    for warning in report.warnings:
        typer.echo(f"warning: {warning}", err=True)
    show = partial(show_parity, report)
    return _Checked(bundle.directory, _name(bundle.directory), report, report.to_json(), show)


def _on_device(chosen: Profile, bundle: Bundle, thresholds: Thresholds) -> _Checked:
    from edgeconv.devices.agent.session import opener

    with devices.machine(chosen) as machine:
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
    named = [_named(one, len(checked) == 1) for one in checked]
    stages = tuple(stage for report in named for stage in report.stages)
    suite = ", ".join(one.suite for one in checked)
    write_junit(path, suite, replace(checked[0].report, stages=stages))


def _document(checked: Sequence[_Checked]) -> dict[str, Any]:
    """That of a single bundle, or a list of them."""
    found = [{"bundle": str(one.directory), **one.document} for one in checked]
    return found[0] if len(found) == 1 else {"bundles": found}


def _show(checked: Sequence[_Checked]) -> None:
    """Each bundle's stages."""
    for one in checked:
        if len(checked) > 1:
            typer.echo(f"{one.directory}:")
        one.show()
