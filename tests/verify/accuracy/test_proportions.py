"""Intervals and tests against published worked examples."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeconv.verify.accuracy.proportions import mcnemar, paired_drop, share, tango


@pytest.mark.parametrize(
    ("first_only", "second_only", "total", "level", "low", "high"),
    [
        # Airway hyper-responsiveness before and after stem cell transplantation: Fagerland,
        # Lydersen, Laake, Statistics in Medicine 33 (2014), asymptotic score interval.
        (1, 7, 21, 0.95, -0.517, -0.026),
        # Nothing but agreement: z^2 / (n + z^2), Tango (1998).
        (0, 0, 20, 0.95, -0.161, 0.161),
    ],
)
def test_tango_gives_the_published_interval(
    first_only: int, second_only: int, total: int, level: float, low: float, high: float
) -> None:
    found = tango(first_only, second_only, total, level)
    assert [round(end, 3) for end in found] == [low, high]


def test_tango_agrees_with_the_wald_interval_of_a_large_sample() -> None:
    # Approval of the prime minister, asked twice: Agresti, Categorical Data Analysis, 10.1.1:
    # difference 0.04, 95 % interval (0.06, 0.02) of 1,600 people, 150 and 86 changed their minds.
    low, high = tango(150, 86, 1600)
    wald = 1.96 * math.sqrt((150 + 86) / 1600 - 0.04**2) / math.sqrt(1600)
    assert low == pytest.approx(0.04 - wald, abs=3e-4)
    assert high == pytest.approx(0.04 + wald, abs=3e-4)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 300))
def test_tango_holds_its_estimate_and_mirrors(first: int, second: int, others: int) -> None:
    total = first + second + others + 1
    low, high = tango(first, second, total)
    assert -1 <= low <= (first - second) / total <= high <= 1
    assert tango(second, first, total) == pytest.approx((-high, -low), abs=1e-9)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 200))
def test_tango_excludes_no_difference_exactly_where_mcnemars_score_test_rejects(
    first: int, second: int, others: int
) -> None:
    low, high = tango(first, second, first + second + others)
    discordant = first + second
    statistic = (first - second) / math.sqrt(discordant) if discordant else 0.0
    assert (low > 0 or high < 0) == (abs(statistic) > 1.959963984540054)


def test_one_sided_bound_lies_inside_the_two_sided_interval() -> None:
    drop = paired_drop(30, 22, 500)
    assert drop.points == pytest.approx(1.6)
    assert drop.low_points < drop.points < drop.bound_points < drop.high_points
    assert drop.bound_points == pytest.approx(100 * tango(30, 22, 500, 0.90)[1])


def test_wilson_gives_the_published_interval() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3: 81 of 263.
    found = share(81, 263)
    assert [round(end, 4) for end in (found.low, found.high)] == [0.2553, 0.3662]


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 0.1611), (20, 0.8389, 1.0)])
def test_wilson_stays_within_0_and_1(count: int, low: float, high: float) -> None:
    # z^2 / (n + z^2) of 20: as for nothing but agreement above.
    found = share(count, 20)
    assert [round(end, 4) for end in (found.low, found.high)] == [low, high]


def test_mcnemar_of_a_textbook_table() -> None:
    # Agresti's approval ratings: z^2 = 17.36, p < 0.0001.
    assert 1e-5 < mcnemar(86, 150) < 1e-4
    assert mcnemar(0, 5) == pytest.approx(0.0625)
    assert mcnemar(4, 4) == mcnemar(0, 0) == 1


def test_counts_that_cannot_be_are_refused() -> None:
    for call in (
        lambda: share(3, 2),
        lambda: share(0, 0),
        lambda: tango(-1, 0, 3),
        lambda: tango(2, 2, 3),
        lambda: paired_drop(0, 0, 0),
    ):
        with pytest.raises(ValueError, match=r"cannot be|no share"):
            call()
