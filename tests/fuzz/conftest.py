"""How many damaged files each reader is given, and how many kills are tried."""

from __future__ import annotations

import pytest

_LEAST = 300


@pytest.fixture(scope="session")
def numbers(request: pytest.FixtureRequest) -> range:
    """Numbers of damaged files: some hundred, or --fuzz of them."""
    return range(max(_LEAST, request.config.getoption("--fuzz")))


@pytest.fixture(scope="session")
def kills(request: pytest.FixtureRequest) -> int:
    """As --kills says."""
    return max(2, request.config.getoption("--kills"))
