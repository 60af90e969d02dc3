"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import edgeconv  # noqa: F401  before any engine, whose telemetry it switches off

#: Neither of hypothesis' limits on the wall's clock says anything on a machine that others use.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz",
        type=int,
        default=30,
        metavar="N",
        help="random command lines, and random nets, that are tried",
    )
    parser.addoption(
        "--nets",
        type=int,
        default=20,
        metavar="N",
        help="nets of tests/helpers/random_nets.py whose right files must pass parity",
    )
    parser.addoption(
        "--kills",
        type=int,
        default=10,
        metavar="N",
        help="moments at which what writes a bundle is killed, in each test that kills",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `fuzz_seed` or `net_seed` is run with --fuzz or --nets many of them."""
    for fixture, option in (("fuzz_seed", "--fuzz"), ("net_seed", "--nets")):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, range(metafunc.config.getoption(option)))


def pytest_configure() -> None:
    """A shell starts what runs in the background deaf to Ctrl-C; some tests press it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class RealData:
    """Trained weights and real photographs, where they are at hand."""

    root: Path

    @property
    def weights(self) -> Path:
        return self.root / "weights"

    @property
    def calibration(self) -> Path:
        return self.root / "photos" / "calibration"

    @property
    def validation(self) -> Path:
        return self.root / "photos" / "validation"


@pytest.fixture(scope="session")
def real_data() -> RealData:
    """Skips where neither EDGECONV_DATA nor ../shared/data holds the weights and photos."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("EDGECONV_DATA", beside))
    if not (root / "weights").is_dir():
        pytest.skip(f"no trained weights and photos at {root} (set EDGECONV_DATA)")
    return RealData(root)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's directory of device profiles, empty; no emulated device runs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    directory = tmp_path / "config" / "edgeconv" / "devices"
    directory.mkdir(parents=True)
    return directory
