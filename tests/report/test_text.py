from __future__ import annotations

import pytest

from edgeconv.report.text import duration, number, percent, size


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (5e12, "4,656.6 GiB"),
    ],
)
def test_sizes_take_the_unit_that_fits(count: float, expected: str) -> None:
    assert size(count) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3725, "1 h 02 min")],
)
def test_durations_take_the_precision_they_deserve(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_numbers_have_fixed_decimals_and_no_negative_zero() -> None:
    assert number(1234.5) == "1,234.50"
    assert number(-0.0001, 3) == "0.000"
    assert number(float("-inf")) == "-inf"
    assert percent(0.8204) == "82.0 %"
