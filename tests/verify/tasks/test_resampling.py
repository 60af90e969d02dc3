"""Intervals over photos hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.verify.tasks.resampling import Sums, estimate, estimated_change


def _mean(sums: Sums) -> np.ndarray:
    return sums[:, 0] / sums[:, 1]


def _sums(values: np.ndarray) -> Sums:
    return np.stack([values, np.ones_like(values)], axis=1)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    sets = [estimate(_mean, _sums(rng.normal(3, 1, 60))) for _ in range(200)]
    held = np.mean([one.low <= 3 <= one.high for one in sets if one.low and one.high])
    assert 0.90 <= held <= 0.98


def test_changes_are_resampled_in_pairs() -> None:
    hard = np.random.default_rng(6).normal(0, 100, 50)  # photos differ far more than the files do
    change = estimated_change(_mean, _sums(hard + 1), _sums(hard))
    assert (change.value, change.low, change.high) == pytest.approx((1, 1, 1))


def test_few_photos_have_no_interval() -> None:
    found = estimate(_mean, _sums(np.arange(9.0)))
    assert (found.value, found.low, found.high) == (4, None, None)


def test_infinite_figures_have_infinite_intervals() -> None:
    found = estimate(lambda sums: np.full(len(sums), np.inf), _sums(np.ones(20)))
    assert (found.value, found.low, found.high) == (np.inf, np.inf, np.inf)
