"""A difference is called one when it is there, and hardly ever when it is not."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.devices.bench.significance import compare_counts, compare_times
from edgeconv.errors import UsageError


def processes(random, count, *, noise, times=1.0, drift=None):
    """Medians of processes around 10 ms, log-normal, on a device that drifts."""
    logs = random.normal(0, noise, count) + (0 if drift is None else drift)
    return list(10 * times * np.exp(logs))


@pytest.mark.parametrize(("count", "together"), [(5, False), (10, True)])
def test_equal_files_are_called_different_in_about_one_percent(count, together):
    random = np.random.default_rng(0)
    called = sum(
        compare_times(
            processes(random, count, noise=0.03),
            processes(random, count, noise=0.03),
            together=together,
        ).verdict
        in ("faster", "slower")
        for _ in range(200)
    )
    assert called <= 6  # of 200; more than 6 at a rate of 1 % has a probability under 0.5 %


def test_ten_percent_is_found_nearly_always_and_in_the_right_direction():
    random = np.random.default_rng(1)
    found = [
        compare_times(
            processes(random, 5, noise=0.01),
            processes(random, 5, noise=0.01, times=1.1),
            together=False,
        )
        for _ in range(50)
    ]
    assert sum(c.verdict == "slower" for c in found) >= 49
    assert 1.09 < np.median([c.ratio for c in found]) < 1.11


def test_pairs_see_through_a_drift_that_hides_the_difference_otherwise():
    random = np.random.default_rng(2)
    drift = np.linspace(0, 0.3, 10)
    a = processes(random, 10, noise=0.005, drift=drift)
    b = processes(random, 10, noise=0.005, times=1.05, drift=drift)
    assert compare_times(a, b, together=True).verdict == "slower"
    assert compare_times(a, b, together=False).verdict == "too noisy"


def test_noise_without_a_difference_says_so():
    random = np.random.default_rng(3)
    noisy = compare_times(
        processes(random, 5, noise=0.3), processes(random, 5, noise=0.3), together=False
    )
    quiet = compare_times(
        processes(random, 5, noise=0.003), processes(random, 5, noise=0.003), together=False
    )
    assert (noisy.verdict, quiet.verdict) == ("too noisy", "no difference")


def test_four_processes_can_never_show_a_difference():
    assert compare_times([10] * 4, [20] * 4, together=False).verdict not in ("faster", "slower")
    assert compare_times([10] * 5, [20] * 5, together=False).verdict == "slower"


def test_the_exact_level_of_five_against_five_is_two_in_252():
    separate = compare_times([1, 2, 3, 4, 5], [6, 7, 8, 9, 10], together=False)
    assert separate.p_value == pytest.approx(2 / 252)


def test_a_regression_is_slower_by_more_than_the_limit_and_not_by_chance():
    slower = compare_times(
        [10.0, 10.1, 10.2, 9.9, 9.8], [10.9, 11, 11.1, 10.8, 11.2], together=False
    )
    assert slower.is_regression(5)
    assert not slower.is_regression(15)
    faster = compare_times(
        [10.9, 11, 11.1, 10.8, 11.2], [10.0, 10.1, 10.2, 9.9, 9.8], together=False
    )
    assert not faster.is_regression(0)


def test_instruction_counts_differ_from_half_a_percent():
    assert compare_counts([1000, 1001], [1003, 1004]).verdict == "no difference"
    assert compare_counts([1000], [1006]).verdict == "slower"
    assert compare_counts([1000], [990]).verdict == "faster"


@pytest.mark.parametrize(("a", "b"), [([], [1.0]), ([1.0], [0.0]), ([1.0], [float("nan")])])
def test_impossible_times_are_wrong_usage(a, b):
    with pytest.raises(UsageError):
        compare_times(a, b, together=False)
