"""How many damaged files each reader is given (what costs more gets fewer), and how many kills."""

from __future__ import annotations

import pytest


def _numbers(request: pytest.FixtureRequest, least: int, share: int) -> range:
    """Numbers of damaged files: `least`, or --fuzz of them divided by `share`."""
    return range(max(least, request.config.getoption("--fuzz") // share))


@pytest.fixture(scope="session")
def numbers(request: pytest.FixtureRequest) -> range:
    """For a reader that takes well under a millisecond."""
    return _numbers(request, 300, 1)


@pytest.fixture(scope="session")
def some(request: pytest.FixtureRequest) -> range:
    """For a command that reads a file."""
    return _numbers(request, 40, 10)


@pytest.fixture(scope="session")
def few(request: pytest.FixtureRequest) -> range:
    """For a command that runs engines."""
    return _numbers(request, 5, 100)


@pytest.fixture(scope="session")
def fewest(request: pytest.FixtureRequest) -> range:
    """For a command that builds the net beside the engines."""
    return _numbers(request, 2, 500)


@pytest.fixture(scope="session")
def kills(request: pytest.FixtureRequest) -> int:
    """How many kills are tried, as --kills says."""
    return max(2, request.config.getoption("--kills"))
