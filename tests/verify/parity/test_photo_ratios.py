"""Files of integers are judged photo by photo: no photo decides alone, nor hides the others."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.runtime.metrics import Figures, compare
from edgeconv.verify.thresholds import DEFAULTS

PHOTOS, CLASSES = 8, 200
BOUND = DEFAULTS.of_rounded("int8.tflite")


def figures(noise_db: list[float], sizes: list[float] | None = None) -> Figures:
    """Of random logits with so much noise on each photo, each photo's times its size."""
    rng = np.random.default_rng(2)
    logits, noise = rng.standard_normal((2, len(noise_db), CLASSES))
    noise *= np.linalg.norm(logits, axis=1, keepdims=True) / np.linalg.norm(noise, axis=1)[:, None]
    noise *= 10 ** (-np.array(noise_db) / 20)[:, None]
    size = np.array(sizes or [1.0] * len(noise_db))[:, None]
    return compare(size * logits, size * (logits + noise))


def test_the_median_and_the_lower_quartile_are_of_the_photos_own_ratios() -> None:
    noise_db = [3.0, 6.0, 9.0, 12.0, 15.0]
    found = figures(noise_db, [1, 2, 0.8, 1, 1])
    assert found.median_sqnr_db == pytest.approx(9.0)
    assert found.quartile_sqnr_db == pytest.approx(6.0)
    assert found.median_error_db == pytest.approx(0.929 * 6.0 / np.sqrt(5))


def test_the_error_of_a_median_is_how_far_other_photos_move_it() -> None:
    rng = np.random.default_rng(5)
    drawn = [figures(list(rng.normal(11, 4, 16))) for _ in range(300)]
    spread = np.std([found.median_sqnr_db for found in drawn])
    assert np.mean([found.median_error_db for found in drawn]) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize(("median_db", "passes"), [(10.5, 0.95), (5.0, 0.1)])
def test_the_verdict_does_not_hang_on_which_eight_photos_were_drawn(
    median_db: float, passes: float
) -> None:
    rng = np.random.default_rng(7)
    drawn = [figures(list(rng.normal(median_db, 3, PHOTOS))) for _ in range(200)]
    share = np.mean([BOUND.met_by(found) for found in drawn])
    assert share > passes if median_db > 10 else share < passes


@pytest.mark.parametrize("noise_db", [11.0, 30.0])
def test_one_photo_of_much_energy_does_not_fail_a_file(noise_db: float) -> None:
    found = figures([2.0, *[noise_db] * 7], [6.0, *[1.0] * 7])
    assert found.sqnr_db < 4
    assert BOUND.met_by(found)


def test_one_photo_of_much_energy_does_not_hide_that_the_others_are_lost() -> None:
    found = figures([30.0, *[5.0] * 7], [6.0, *[1.0] * 7])
    assert found.sqnr_db > 10
    assert not BOUND.met_by(found)


@pytest.mark.parametrize("lost", [3, 4, 8])
def test_photos_that_are_lost_fail_a_file(lost: int) -> None:
    found = figures([0.0] * lost + [30.0] * (PHOTOS - lost))
    assert not BOUND.met_by(found)


def test_next_to_nothing_may_be_off_by_next_to_nothing() -> None:
    quiet = [1e-3] * 5
    found = figures([0.0] * 5 + [20.0] * 3, [*quiet, 1.0, 1.0, 1.0])
    assert BOUND.met_by(found)
    loud = figures([-50.0] * 5 + [20.0] * 3, [*quiet, 1.0, 1.0, 1.0])
    assert not BOUND.met_by(loud)


def test_equal_files_and_silent_photos_have_ratios() -> None:
    silent = np.zeros((PHOTOS, CLASSES), np.float32)
    assert BOUND.met_by(compare(silent, silent))
    assert not BOUND.met_by(compare(silent, silent + 1))
    assert not BOUND.met_by(compare(silent, silent * np.nan))
