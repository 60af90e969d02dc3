"""Scales and zero points against the definition real = scale * (integer - zero_point)."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeconv.quantize.plan.affine import activation_params, covered, dequantize, quantize

LOWS = st.floats(-1e4, 0.0, width=32)
HIGHS = st.floats(0.0, 1e4, width=32)


@given(LOWS, HIGHS)
def test_zero_is_exact_and_the_grid_is_int8(low: float, high: float) -> None:
    found = activation_params((low, high))
    assert found.scale > 0
    assert np.isfinite(found.scale)
    assert -128 <= found.zero_point <= 127
    assert dequantize(quantize(np.zeros(1), found), found)[0] == 0.0


@given(LOWS, HIGHS, st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
def test_values_of_the_interval_err_by_a_step_at_most(
    low: float, high: float, where: list[float]
) -> None:
    found = activation_params((low, high))
    values = low + (high - low) * np.array(where)
    error = np.abs(dequantize(quantize(values, found), found) - values)
    assert error.max() <= float(found.scale) * 1.01 + 1e-6


@given(HIGHS)
def test_an_interval_from_zero_is_never_exceeded(high: float) -> None:
    if high >= 1e-6:
        assert covered(activation_params((0.0, high)))[1] <= high


def test_a_relu6_range_ends_at_six() -> None:
    found = activation_params((0.0, 6.0))
    assert int(found.zero_point) == -128
    assert 5.999 < covered(found)[1] <= 6.0


def test_a_dead_tensor_has_a_sane_scale() -> None:
    np.testing.assert_allclose(activation_params((0.0, 0.0)).scale, 1 / 255, rtol=1e-6)
