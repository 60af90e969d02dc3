"""Ranges, judged by an 8-bit quantizer written here and by NumPy's percentiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeconv.errors import UnknownName
from edgeconv.quantize.observe.histogram import histogram
from edgeconv.quantize.observe.observations import Observations
from edgeconv.quantize.observe.statistics import TensorStatistics
from edgeconv.quantize.plan.ranges import LEVELS, METHODS, Range, choose, choose_one, least_squares


def statistics(
    values: NDArray[np.float64],
    bounds: Range = (-math.inf, math.inf),
    *,
    is_answer: bool = False,
) -> TensorStatistics:
    array = values.astype(np.float32)
    low, high = array.min(keepdims=True), array.max(keepdims=True)
    return TensorStatistics(
        channel_minimum=low,
        channel_maximum=high,
        channel_mean=array.mean(keepdims=True, dtype=np.float64),
        channel_square=(values**2).mean(keepdims=True),
        reach_mean=np.abs(values).max(keepdims=True),
        reach_square=(values**2).max(keepdims=True),
        histogram=histogram(array, float(low[0]), float(high[0])),
        bounds=bounds,
        is_answer=is_answer,
    )


def squared_error(values: NDArray[np.float64], interval: Range) -> float:
    low, high = interval
    step = (high - low) / 255
    grid = np.clip(np.rint(values / step), np.rint(low / step), np.rint(high / step))
    return float(((grid * step - values) ** 2).sum())


def heavy_tailed(seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_t(4, size=200_000)


def test_least_squares_beats_min_max_and_percentile_on_heavy_tails() -> None:
    values = heavy_tailed()
    seen = statistics(values)
    least = squared_error(values, least_squares(seen.histogram, LEVELS, clipping_weight=1.0))
    assert least < 0.8 * squared_error(values, choose_one(seen, "minmax"))
    assert least <= squared_error(values, choose_one(seen, "percentile"))


@pytest.mark.parametrize("shape", ["normal", "laplace", "skewed"])
def test_least_squares_is_close_to_the_best_interval_by_trial(shape: str) -> None:
    generator = np.random.default_rng(1)
    values = {
        "normal": generator.standard_normal(30_000),
        "laplace": generator.laplace(size=30_000),
        "skewed": np.maximum(generator.exponential(size=30_000) - 1, 0) ** 1.5,
    }[shape]
    lows = np.linspace(min(values.min(), 0), 0, 12)
    highs = np.linspace(values.max() / 12, values.max(), 24)
    trials = [squared_error(values, (low, high)) for low in lows for high in highs]
    found = least_squares(statistics(values).histogram, LEVELS, clipping_weight=1.0)
    assert squared_error(values, found) <= 1.05 * min(trials)


def test_clipping_that_counts_less_narrows_the_interval() -> None:
    counted = statistics(heavy_tailed()).histogram
    widths = [
        high - low for low, high in (least_squares(counted, LEVELS, w) for w in (1.0, 0.25, 0.05))
    ]
    assert widths[0] > widths[1] > widths[2]


def test_min_max_spans_everything_and_zero() -> None:
    assert choose_one(statistics(np.array([2.0, 5.0])), "minmax") == (0.0, 5.0)
    assert choose_one(statistics(np.array([-2.0, -1.0])), "minmax") == (-2.0, 0.0)


def test_percentile_is_numpys_on_a_continuous_sample() -> None:
    values = np.random.default_rng(2).standard_normal(400_000)
    low, high = choose_one(statistics(values), "percentile")
    np.testing.assert_allclose([low, high], np.quantile(values, [1e-4, 1 - 1e-4]), atol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_a_relu6_never_goes_past_its_bounds(method: str) -> None:
    values = np.clip(heavy_tailed(), 0, 6)
    low, high = choose_one(statistics(values, (0.0, 6.0)), method)  # type: ignore[arg-type]
    assert low == 0.0
    assert high <= 6.0


@pytest.mark.parametrize("method", METHODS)
def test_outputs_of_the_graph_keep_every_value(method: str) -> None:
    values = heavy_tailed()
    found = choose_one(statistics(values, is_answer=True), method)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, (values.min(), values.max()), rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_few_values_are_all_kept(method: str) -> None:
    values = np.r_[np.random.default_rng(0).standard_normal(100), 40.0]
    assert choose_one(statistics(values), method)[1] == 40.0  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_a_dead_tensor_spans_nothing(method: str) -> None:
    assert choose_one(statistics(np.zeros(10_000)), method) == (0.0, 0.0)  # type: ignore[arg-type]


def test_an_unknown_method_is_named_with_its_neighbours() -> None:
    with pytest.raises(UnknownName, match="did you mean minmax"):
        choose(Observations({}, 1), "minmx")  # type: ignore[arg-type]
