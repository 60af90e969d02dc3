"""edgeconv parity: every artifact of a bundle against the float reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgeconv.cli.bundles import bundle_directory, given_or_here
from edgeconv.cli.options import complete, output
from edgeconv.cli.options import device as devices
from edgeconv.cli.options.checks import Checks
from edgeconv.cli.options.groups import gathered
from edgeconv.cli.shown.parity import parity_tables, write_junit
from edgeconv.errors import ThresholdMissed
from edgeconv.report.console import say
from edgeconv.report.markdown import write_markdown
from edgeconv.report.tables import Table, show_all
from edgeconv.runtime.memory import within_free_memory

if TYPE_CHECKING:
    from edgeconv.bundle.bundle import Bundle
    from edgeconv.devices.profile.model import Profile
    from edgeconv.verify.parity.on_device import DeviceParity
    from edgeconv.verify.parity.stages import ParityReport, StageResult
    from edgeconv.verify.thresholds import Thresholds


@gathered
@within_free_memory()
def parity(
    *,
    bundle: str | None = typer.Argument(
        None,
        help="A bundle's directory, or the name of a net exported here.",
        show_default="the bundles in this directory",
        autocompletion=complete.bundle,
    ),
    junit: Path | None = output.JUNIT,
    markdown: Path | None = output.MARKDOWN,
    as_json: bool = output.JSON,
    checks: Checks,
    device: str = devices.DEVICE,
    way: devices.Way,
) -> None:
    """Run every file of a BUNDLE on its golden photos and compare it with the PyTorch reference.

    On a device each file is compared with this machine's run of it too, and each int8 operator on
    identical integers. The thresholds are those that the export was told, where none is given.
    Exits 1 where a stage misses its threshold.
    """
    from edgeconv.disk import check_writable

    check_writable(junit)
    check_writable(markdown)
    targets = given_or_here([] if bundle is None else [bundle])
    directories = [bundle_directory(target) for target in targets]
    chosen = devices.profile(device, way)
    from edgeconv.bundle.bundle import Bundle

    opened = [Bundle.load(directory) for directory in directories]
    checked = [_check(one, checks.thresholds(one.thresholds), chosen) for one in opened]
    stages = _stages(checked)
    suite = ", ".join(one.suite for one in checked)
    try:
        if junit is not None:
            write_junit(junit, suite, stages)
        if markdown is not None:
            write_markdown(
                markdown, f"Parity of {suite}", [t for one in checked for t in one.tables]
            )
    finally:  # what was found is shown all the same
        output.show_each([one.found() for one in checked], as_json=as_json)
    if missed := [stage.name for stage in stages if not stage.passed]:
        raise ThresholdMissed(f"parity missed its threshold: {'; '.join(missed)}")


@dataclass(frozen=True)
class _Checked:
    """What was found of one bundle: its stages, and on a device what else was compared."""

    bundle: Bundle
    report: ParityReport
    on_device: DeviceParity | None = None

    @property
    def directory(self) -> Path:
        """Where it stands."""
        return self.bundle.directory

    @property
    def name(self) -> str:
        """The directory's own name, also where it is the current one."""
        return self.directory.absolute().name

    @property
    def suite(self) -> str:
        """What the check is called in a JUnit file."""
        return f"{self.name} on {self.on_device.device}" if self.on_device else self.name

    @property
    def tables(self) -> list[Table]:
        """As it is shown to people."""
        return parity_tables(self.report, self.on_device)

    def found(self) -> output.Found:
        """As it is shown."""
        document = {"device": devices.LOCAL, **(self.on_device or self.report).to_json()}
        document["files"] = self.bundle.hashes
        return output.Found(str(self.directory), document, lambda: show_all(self.tables))


def _check(bundle: Bundle, thresholds: Thresholds, chosen: Profile) -> _Checked:
    """One bundle, here or on a device."""
    if chosen.transport == devices.LOCAL:
        report = bundle.parity(thresholds, contained=True)
        for warning in report.warnings:
            say(f"warning: {warning}", err=True)
        return _Checked(bundle, report)
    from edgeconv.devices.agent.session import opener

    with devices.machine(chosen) as machine:
        found = bundle.parity_on(
            opener(machine),
            device=chosen.name,
            engines=chosen.engines,
            thresholds=thresholds,
            contained=True,
        )
    return _Checked(bundle, found.report, found)


def _stages(checked: Sequence[_Checked]) -> list[StageResult]:
    """Of all bundles, named by them where there are several."""
    if len(checked) == 1:
        return list(checked[0].report.stages)
    return [
        replace(stage, name=f"{one.name}: {stage.name}")
        for one in checked
        for stage in one.report.stages
    ]
