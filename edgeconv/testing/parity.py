"""`assert_parity`: that a bundle's files compute what its net does, here or on a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeconv.bundle.bundle import Bundle
    from edgeconv.devices.agent.machine import Machine
    from edgeconv.devices.profile.model import Profile
    from edgeconv.verify.parity.on_device import DeviceParity
    from edgeconv.verify.parity.stages import ParityReport
    from edgeconv.verify.thresholds import Thresholds

Record = Callable[[str, object], None]


@dataclass(frozen=True, eq=False)
class Device:
    """A device that is ready to work.

    Attributes:
        profile: what is known of it.
        machine: the way to it; None where it is this machine.
    """

    profile: Profile
    machine: Machine | None = None

    @property
    def name(self) -> str:
        """What `--edgeconv-device` calls it."""
        return self.profile.name


def _nowhere(_: str, __: object) -> None:
    """Records nothing."""


@dataclass(frozen=True, eq=False)
class BundleUnderTest:
    """A bundle, where a test runs it, and who is told of its figures.

    Attributes:
        bundle: it.
        device: where it runs; None is this machine.
        record: takes a figure's name and its value.
    """

    bundle: Bundle
    device: Device | None = None
    record: Record = _nowhere


def opened(
    path: Path | str, device: Device | None = None, record: Record = _nowhere
) -> BundleUnderTest:
    """Opens a bundle for a test.

    Raises:
        AssertionError: it is none, or its files are not those that were exported; names the file,
            and the first tensor that is wrong in it.
    """
    __tracebackhide__ = True
    from edgeconv.bundle.bundle import Bundle
    from edgeconv.errors import RefusedError

    try:
        return BundleUnderTest(Bundle.load(path), device, record)
    except RefusedError as error:
        from edgeconv.testing.failures import refused

        raise AssertionError(refused(error, Path(path))) from None


def assert_parity(
    bundle: BundleUnderTest | Bundle | Path | str, thresholds: Thresholds | None = None
) -> ParityReport:
    """Runs every file of a bundle on its golden photos, and compares it with the float reference.

    Args:
        bundle: what the fixture `edgeconv_bundle` gives, which runs where `--edgeconv-device` says;
            or a bundle or its directory, to be run on this machine.
        thresholds: what the files must keep to; by default what the export was told.

    Returns:
        Every stage, all of them passed.

    Raises:
        AssertionError: a threshold was missed, or the bundle is not the one that was exported. The
            message holds the table of all stages, and names the first tensor that is wrong.
        DeviceFailed, UnavailableError: of the device.
    """
    __tracebackhide__ = True
    from edgeconv.errors import RefusedError

    asked = bundle if isinstance(bundle, BundleUnderTest) else _of_this_machine(bundle)
    try:
        report, on_device = _checked(asked, thresholds)
    except RefusedError as error:
        from edgeconv.testing.failures import refused

        raise AssertionError(refused(error, asked.bundle.directory)) from None
    _record(asked.record, report)
    if not report.passed:
        from edgeconv.testing.failures import missed

        raise AssertionError(missed(asked.bundle, report, on_device)) from None
    return report


def _of_this_machine(bundle: Bundle | Path | str) -> BundleUnderTest:
    __tracebackhide__ = True
    return opened(bundle) if isinstance(bundle, str | Path) else BundleUnderTest(bundle)


def _checked(
    asked: BundleUnderTest, thresholds: Thresholds | None
) -> tuple[ParityReport, DeviceParity | None]:
    bundle, device = asked.bundle, asked.device
    if device is None or device.machine is None:
        return bundle.parity(thresholds), None
    from edgeconv.devices.agent.session import opener

    found = bundle.parity_on(
        opener(device.machine),
        device=device.name,
        engines=device.profile.engines,
        thresholds=thresholds,
    )
    return found.report, found


def _record(record: Record, report: ParityReport) -> None:
    """Tells every figure of every stage, of several outputs by their names."""
    for stage in report.stages:
        record(f"{stage.name}: seconds", round(stage.seconds, 3))
        for output, figures in zip(stage.outputs, stage.figures, strict=True):
            of = f"{stage.name}, {output}" if len(stage.outputs) > 1 else stage.name
            known = {name: v for name, v in figures.to_json().items() if v is not None}
            for name, value in known.items():
                record(f"{of}: {name}", value)
