"""Distances between outputs are what their definitions say, and never hide a NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgeconv.errors import UsageError
from edgeconv.runtime.metrics import compare, rounded, sqnr_db


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values, np.float32)


def test_equal_outputs_have_no_error_and_infinite_sqnr():
    figures = compare(rows([1, 2]), rows([1, 2]))
    assert (figures.relative_error, figures.sqnr_db) == (0, math.inf)
    assert figures.cosine == pytest.approx(1)
    assert (figures.top1_agreement, figures.flips, figures.finite) == (1, 0, True)


def test_figures_of_a_case_done_by_hand():
    figures = compare(rows([10, 0], [0, 5]), rows([9, 0], [0, 5]))
    assert figures.relative_error == pytest.approx(0.1)
    assert figures.sqnr_db == pytest.approx(10 * math.log10(125 / 1))
    assert figures.cosine == pytest.approx((90 + 25) / math.sqrt(125 * 106))


def test_a_hundredth_of_noise_is_40_db():
    signal = np.random.default_rng(0).standard_normal(100_000)
    noise = np.random.default_rng(1).standard_normal(100_000) / 100
    assert sqnr_db(signal, signal + noise) == pytest.approx(40, abs=0.1)


def test_a_flip_counts_only_where_the_margin_exceeds_the_error():
    tossup = compare(rows([1.00, 0.99, 0]), rows([0.98, 1.00, 0]))
    assert (tossup.flips, tossup.flips_that_count, tossup.top1_agreement) == (1, 0, 0)
    clear = compare(rows([1.0, 0.0, 0.0]), rows([0.4, 0.6, 0.0]))
    assert (clear.flips, clear.flips_that_count) == (1, 1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("broken_side", ["reference", "other"])
def test_one_value_that_is_not_finite_fails_every_figure(bad, broken_side):
    good, broken = rows([3, 1], [1, 3]), rows([3, 1], [bad, 3])
    figures = compare(broken, good) if broken_side == "reference" else compare(good, broken)
    assert not figures.finite
    assert figures.relative_error == math.inf
    assert figures.sqnr_db == -math.inf
    assert figures.cosine == 0
    assert figures.top1_agreement == 0.5
    assert figures.flips_that_count == 1
    assert figures.to_json()["relative_error"] is None


def test_an_all_zero_reference_is_met_by_zeros_only():
    zeros = rows([0, 0])
    assert compare(zeros, zeros).relative_error == 0
    off = compare(zeros, rows([0, 1e-9]))
    assert off.relative_error == math.inf
    assert off.sqnr_db == -math.inf


def test_outputs_of_any_rank_are_compared_sample_by_sample():
    maps = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    assert compare(maps, maps).samples == 2
    single = rows([1], [2])
    assert compare(single, single).flips == 0


def test_outputs_that_do_not_match_are_wrong_usage():
    with pytest.raises(UsageError):
        compare(rows([1, 2]), rows([1, 2, 3]))
    with pytest.raises(UsageError):
        compare(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32))


def test_figures_are_written_with_four_significant_digits():
    assert rounded(0.000123456) == 0.0001235
    assert rounded(37.146736) == 37.15
    assert rounded(math.nan) is None
