"""The plugin of pytest's: a fixture that opens bundles, and devices that tests run on.

pytest loads it in every run of an environment that edgeconv is installed in. So it imports nothing
heavy by itself, and does nothing in runs that do not use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeconv.testing.parity import BundleUnderTest, Device, opened

if TYPE_CHECKING:
    from edgeconv.devices.profile.model import Profile

_FIXTURE = "edgeconv_device"
_LOCAL = "local"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("edgeconv", "bundles of edgeconv")
    group.addoption(
        "--edgeconv-device",
        metavar="NAME[,NAME]",
        default="",
        help="Where bundles run, one test for each device; `edgeconv devices list` tells of all. "
        "This machine by default.",
    )
    group.addoption(
        "--edgeconv-host",
        metavar="HOST",
        help="Host name or address of that device, where its profile does not say.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker, and refuses unknown devices before any test runs."""
    config.addinivalue_line(
        "markers",
        f"{_FIXTURE}(NAME, ...): the test is of these devices alone; it is skipped where "
        "--edgeconv-device names none of them",
    )
    if config.getoption("--edgeconv-host") and len(_named(config)) != 1:
        raise pytest.UsageError("--edgeconv-host goes with one --edgeconv-device")
    for name in _named(config):
        _profile(config, name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that runs bundles is run on each device that was named."""
    if _FIXTURE not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker(_FIXTURE)
    devices: list[object] = [*_named(metafunc.config)]
    if mark is not None:
        if not mark.args:
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: {_FIXTURE} names no device")
        suited = [name for name in devices or [_LOCAL] if name in mark.args]
        devices = suited or [_skipped(mark.args)]
    if devices:
        metafunc.parametrize(_FIXTURE, devices, indirect=True, scope="session")


def _skipped(devices: tuple[str, ...]) -> object:
    words = " or ".join(devices)
    reason = f"of {words} alone; --edgeconv-device names another, or none"
    return pytest.param(devices[0], marks=pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def edgeconv_device(request: pytest.FixtureRequest) -> Iterator[Device]:
    """The device that a test runs bundles on; this machine where none was named."""
    profile = _profile(request.config, getattr(request, "param", _LOCAL))
    if profile.transport == _LOCAL:
        yield Device(profile)
        return
    from edgeconv.devices.agent.open_machine import open_machine
    from edgeconv.errors import UnavailableError

    try:
        with open_machine(profile) as machine:
            yield Device(profile, machine)
    except UnavailableError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def edgeconv_bundle(
    request: pytest.FixtureRequest, edgeconv_device: Device
) -> Callable[[Path | str], BundleUnderTest]:
    """Opens a bundle by its directory, from the project's root where it is relative."""
    figures = request.node.user_properties

    def bundle(directory: Path | str) -> BundleUnderTest:
        __tracebackhide__ = True
        place = request.config.rootpath / directory
        # As `record_property`, which warns in the format of JUnit files that pytest writes.
        return opened(place, edgeconv_device, lambda name, value: figures.append((name, value)))

    return bundle


def _named(config: pytest.Config) -> list[str]:
    """The devices of the option, each once."""
    words = str(config.getoption("--edgeconv-device"))
    return list(dict.fromkeys(name.strip() for name in words.split(",") if name.strip()))


def _profile(config: pytest.Config, name: str) -> Profile:
    """What is known of a device; raises pytest.UsageError."""
    from edgeconv.devices.profile import read
    from edgeconv.errors import UsageError

    try:
        overrides = read.Overrides(host=config.getoption("--edgeconv-host"))
        return read.of_cpu(read.load(name, overrides))
    except UsageError as error:
        raise pytest.UsageError(f"--edgeconv-device: {error}") from None
