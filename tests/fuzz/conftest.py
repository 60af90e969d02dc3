"""How many damaged files each reader is given."""

from __future__ import annotations

import pytest

_LEAST = 300


@pytest.fixture(scope="session")
def numbers(request: pytest.FixtureRequest) -> range:
    """Numbers of damaged files: some hundred, or --fuzz of them."""
    return range(max(_LEAST, request.config.getoption("--fuzz")))
