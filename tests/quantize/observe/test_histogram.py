"""The growing histogram against NumPy's on all the values at once."""

from __future__ import annotations

import functools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeconv.quantize.observe.histogram import MAX_BINS, Histogram, histogram, merge


def counted(values: NDArray[np.float32]) -> Histogram:
    return histogram(values, float(values.min()), float(values.max()))


def parts_of_growing_size(seed: int = 0) -> list[NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    parts = [generator.standard_normal(1000) * 3.0**k + k for k in range(-3, 4)]
    parts[2][:100] = 0.0
    return [part.astype(np.float32) for part in parts]


def test_a_grown_histogram_is_that_of_all_values_at_once() -> None:
    parts = parts_of_growing_size()
    grown = functools.reduce(merge, map(counted, parts))
    everything = np.concatenate(parts)
    edges = (grown.first + np.arange(len(grown.counts) + 1)) * grown.pitch
    wanted, _ = np.histogram(everything[everything != 0].astype(np.float64), edges)
    np.testing.assert_array_equal(grown.counts, wanted)
    assert grown.zeros == 100
    assert grown.total == everything.size


def test_the_order_of_the_parts_does_not_matter() -> None:
    parts = [counted(part) for part in parts_of_growing_size()]
    one, other = functools.reduce(merge, parts), functools.reduce(merge, parts[::-1])
    assert (one.pitch, one.first, one.zeros) == (other.pitch, other.first, other.zeros)
    np.testing.assert_array_equal(one.counts, other.counts)


@settings(max_examples=60)
@given(
    st.lists(
        st.floats(-(2.0**60), 2.0**60, width=32, allow_subnormal=False), min_size=1, max_size=30
    )
)
def test_every_value_is_counted_in_a_bin_that_holds_it(values: list[float]) -> None:
    array = np.array(values, np.float32)
    found = counted(array)
    assert found.total == len(values)
    assert len(found.counts) <= MAX_BINS
    covered = np.array([found.first, found.first + len(found.counts)]) * found.pitch
    assert covered[0] <= array.min() or covered[0] <= 0
    assert covered[1] > array.max() or array.max() == 0


def test_the_grid_is_as_fine_as_its_bins_allow() -> None:
    found = counted(np.array([-1.0, 3.0], np.float32))
    assert MAX_BINS / 2 <= len(found.counts) <= MAX_BINS


def test_values_next_to_nothing_join_others() -> None:
    tiny = np.array([1e-29, -1e-29, 3e-29], np.float32)
    large = np.array([1.0, -2.0], np.float32)
    found = merge(histogram(tiny, -1e-29, 3e-29), histogram(large, -2.0, 1.0))
    assert found.total == 5
    assert found.counts[-found.first] == 2  # just above zero
    assert found.counts[-found.first - 1] == 1  # just below
