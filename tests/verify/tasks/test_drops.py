"""Bounds on what a task loses: what photos show of them, and how often that is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edgeconv.verify.accuracy.losses import CountedLoss
from edgeconv.verify.accuracy.promise import Outcome, is_shown
from edgeconv.verify.tasks.drops import (
    Loss,
    bootstrapped,
    fewest_to_show,
    loss_of_sums,
    shown,
    worst_of,
)


def share_lost(sums: np.ndarray) -> np.ndarray:
    return -100 * sums[:, 0] / sums[:, 1]


def lost(own: np.ndarray, exact: np.ndarray | None = None) -> Loss:
    """Of so many right pixels of a hundred on each photo."""
    exact = np.full(len(own), 100.0) if exact is None else exact
    made, float_made = (np.stack([one, np.full(len(one), 100.0)], 1) for one in (own, exact))
    return loss_of_sums(of="lost", unit="points", worse=share_lost, sums=made, exact=float_made)


def test_the_bound_is_that_of_a_mean_where_photos_are_many_and_alike() -> None:
    random = np.random.default_rng(3)
    own = 100 - random.normal(4, 2, 900)
    value, at_most = bootstrapped(lost(own))
    assert value == pytest.approx(100 - own.mean())
    error = own.std(ddof=1) / np.sqrt(len(own))
    assert at_most == pytest.approx(value + stats.norm.ppf(0.95) * error, abs=0.02)


def test_a_few_photos_that_lose_much_are_not_averaged_away() -> None:
    own = np.full(100, 100.0)
    own[:2] = 0
    _, at_most = bootstrapped(lost(own))
    assert at_most >= 4


def promised_wrongly(share: float, count: int, bound: float) -> float:
    """How often a bound is called shown that is just missed: so many photos lose everything."""
    random = np.random.default_rng(0)
    times = random.binomial(count, share, 400)
    promised = {}
    for bad in np.unique(times):
        own = np.full(count, 100.0)
        own[:bad] = 0
        promised[bad] = shown(lost(own), bound).shown
    return float(np.mean([promised[bad] for bad in times]))


@pytest.mark.parametrize(("share", "count"), [(0.0205, 160), (0.0505, 70), (0.0505, 250)])
def test_a_bound_that_is_missed_is_seldom_promised(share: float, count: int) -> None:
    assert promised_wrongly(share, count, 100 * share - 0.05) <= 0.075


def test_nothing_lost_on_too_few_photos_shows_nothing() -> None:
    whole = shown(lost(np.full(40, 100.0)), 1.0)
    assert (whole.lost, whole.at_most, whole.shown) == (0, 0, False)
    assert whole.needed == whole.fewest == 299  # 0.99**299 < 0.05
    assert shown(lost(np.full(299, 100.0)), 1.0).shown
    assert fewest_to_show("points", 50) == fewest_to_show("pixels", 0.01) == 59


def test_how_many_photos_would_do_is_about_right() -> None:
    own = 100 - np.random.default_rng(5).normal(1.0, 4.0, 300)
    asked = shown(lost(own), 1.1)
    assert not asked.shown
    assert asked.needed is not None
    times = asked.needed / len(own)
    assert 1 < times < 4
    for more, is_enough in ((0.7 * times, False), (1.4 * times, True)):
        many = np.resize(own, round(more * len(own)))
        assert shown(lost(many - many.mean() + own.mean()), 1.1).shown == is_enough
    assert shown(lost(own), 0.5).needed is None


def test_a_file_that_gives_no_numbers_loses_everything() -> None:
    own = np.full(400, 99.0)
    own[7] = np.inf
    broken = shown(lost(own), 5.0)
    assert (broken.shown, broken.needed) == (False, None)
    assert broken.to_json()["lost"] is None


def test_the_worst_of_several_counts() -> None:
    one, other = lost(np.full(100, 99.0)), lost(np.full(100, 95.0))
    assert bootstrapped(worst_of([one, other])) == bootstrapped(other)


def test_counts_have_the_exact_test_of_classes() -> None:
    outcome = Outcome(400, 9, 6, 3)
    found = shown(CountedLoss("right pairs lost", outcome), 2.0)
    assert found.shown == is_shown(outcome, 2.0)
    assert found.lost == pytest.approx(0.75)
    changed = shown(CountedLoss("nearest photos changed", Outcome(400, 9)), 5.0)
    assert changed.shown == (stats.binom.cdf(9, 400, 0.05) <= 0.05)
