"""A bound is called shown falsely at most as often as is stated, and true ones are shown."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pytest
from scipy import stats

from edgeconv.verify.accuracy.promise import (
    RISK,
    Outcome,
    expected,
    fewest_photos,
    is_shown,
    photos_needed,
    shown,
)

_shown_once = lru_cache(None)(is_shown)


def test_changes_are_shown_as_clopper_and_pearsons_bound_says() -> None:
    for photos, bound in ((60, 5.0), (300, 1.0), (1000, 1.0), (1000, 2.0)):
        for changed in range(25):
            interval = stats.binomtest(changed, photos, alternative="less").proportion_ci(1 - RISK)
            assert is_shown(Outcome(photos, changed), bound) == (interval.high <= bound / 100)


@pytest.mark.parametrize("bound", [0.5, 1.0, 2.0, 5.0, 50.0])
def test_fewer_photos_than_the_fewest_show_nothing(bound: float) -> None:
    fewest = fewest_photos(bound)
    for labels in ((), (0, 0)):
        assert is_shown(Outcome(fewest, 0, *labels), bound)
        assert not is_shown(Outcome(fewest - 1, 0, *labels), bound)


@pytest.mark.parametrize(
    ("drop", "changing"),
    [(0.12, 0.12), (0.12, 0.131), (0.12, 0.2), (0.12, 0.4), (0.12, 0.77), (0.15, 0.16)],
)
def test_labels_promise_falsely_in_five_of_a_hundred_at_most(drop: float, changing: float) -> None:
    """Every outcome of 24 photos, with its probability by SciPy's binomial distributions."""
    photos, bound = 24, 12.0
    chance = sum(
        stats.binom.pmf(changed, photos, changing)
        * stats.binom.pmf(lost, changed, (changing + drop) / (2 * changing))
        for changed in range(photos + 1)
        for lost in range(changed + 1)
        if _shown_once(Outcome(photos, changed, lost, changed - lost), bound)
    )
    assert chance <= RISK


class TestSequence:
    """Made-up plans, from most to least in float, that change and lose more and more photos."""

    BOUND, DRAWS = 2.0, 1000

    def promised(self, photos: int, lost: list[float], gained: list[float], labels: bool) -> float:
        """The share of draws in which a plan past the bound is promised.

        A photo that one plan changes the later ones change too: outcomes go together.
        """
        generator = np.random.default_rng(0)
        false = 0
        for _ in range(self.DRAWS):
            luck = generator.random(photos)
            outcomes = []
            for lose, gain in zip(lost, gained, strict=True):
                worse, better = int((luck < lose).sum()), int((luck > 1 - gain).sum())
                known = (worse, better) if labels else ()
                outcomes.append(Outcome(photos, worse + better, *known))
            last = len(shown_at_once(outcomes, self.BOUND)) - 1
            if last >= 0:
                points = lost[last] - gained[last] if labels else lost[last] + gained[last]
                false += 100 * points > self.BOUND
        return false / self.DRAWS

    @pytest.mark.parametrize("labels", [False, True])
    @pytest.mark.parametrize("past", [0, 1, 3])
    def test_the_last_one_shown_misses_the_bound_rarely(self, past: int, labels: bool) -> None:
        """`past` plans keep the bound, the others miss it by a hair, then by more."""
        within = [0.004, 0.008, 0.012][:past]
        lost = [*within, 0.02001 + 0.01 * labels, 0.024 + 0.01 * labels, 0.04]
        gained = [0.0] * past + [0.01 * labels] * 3
        rate = self.promised(400, lost, gained, labels)
        assert rate <= RISK + 3 * np.sqrt(RISK * (1 - RISK) / self.DRAWS)

    def test_tests_of_their_own_for_every_plan_would_promise_more(self) -> None:
        """The oracle sees a difference: the best of several looks is no test at five per cent."""
        generator = np.random.default_rng(1)
        draws = generator.binomial(400, 0.02001, (self.DRAWS, 4))
        best = [is_shown(Outcome(400, int(row.min())), self.BOUND) for row in draws]
        assert np.mean(best) > 2 * RISK


def shown_at_once(outcomes: list[Outcome], bound: float) -> list[Outcome]:
    """As `shown`, each distinct outcome judged once."""
    found = []
    for outcome in outcomes:
        if not _shown_once(outcome, bound):
            break
        found.append(outcome)
    return found


def test_later_plans_are_not_asked_for_once_one_is_not_shown() -> None:
    asked = []

    def outcomes() -> Iterator[Outcome]:
        for changed in (0, 9, 0):
            asked.append(changed)
            yield Outcome(300, changed)

    assert shown(outcomes(), 1.0) == [Outcome(300, 0)]
    assert asked == [0, 9]


def test_as_many_photos_as_are_asked_for_show_it() -> None:
    needed = photos_needed(1.0, 0.004)
    assert needed is not None
    assert is_shown(expected(needed, 0.004, None), 1.0)
    with_labels = photos_needed(1.0, 0.03, 0.001)
    assert with_labels is not None
    assert 500 < with_labels < 2000
    assert photos_needed(1.0, 0.03) is None
    assert photos_needed(0.5, 0.03, 0.006) is None
