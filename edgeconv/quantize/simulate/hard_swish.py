"""HARD_SWISH as the reference kernel computes it: in 16-bit fixed point.

    x * relu6(x + 3) / 6

The input, shifted left by 7 bits, is scaled once to the output and once so that [-3, 3] fills 16
bits; the second, moved to [0, 1], is the factor of the first. Source: TensorFlow Lite's
`kernels/internal/reference/hard_swish.h`.
"""

from __future__ import annotations

import numpy as np

from edgeconv.quantize.plan.affine import INT8
from edgeconv.quantize.plan.parameters import QuantParams
from edgeconv.quantize.simulate.fixed_point import Integers, Multiplier, divide_by_power
from edgeconv.quantize.simulate.step import Array, centred, scale_of

_LOW, _HIGH = -(2**15), 2**15 - 1
#: The scale on which [-3, 3] fills 16 bits.
_RAMP_SCALE = np.float32(3.0 / 32768.0)


def hard_swish(x: Array, source: QuantParams, output: QuantParams) -> Array:
    """int8 of one scale to int8 of another."""
    fine = np.float32(1.0 / 128.0) * scale_of(source)
    to_output = Multiplier.of(fine / scale_of(output))
    to_ramp = Multiplier.of(fine / _RAMP_SCALE)
    shift = int(to_ramp.shift)
    lifted = centred(x, source) << 7
    before_shift = _high_half(lifted, _to_16_bits(to_output))
    ramp = lifted
    if shift > 0:
        ramp = _saturated(ramp << (shift - 1))
    ramp = _high_half(ramp, _to_16_bits(to_ramp))
    if shift > 0:
        ramp = _saturated(ramp << 1)
    if shift < 0:
        ramp = divide_by_power(ramp, np.asarray(-shift))
    ramp = (ramp + 2**15) >> 1
    product = ramp * before_shift
    halves = np.sign(product) * (np.abs(product) >> 15)
    result = divide_by_power(halves, np.asarray(-to_output.shift))
    stored: Array = np.clip(result + int(output.zero_point), *INT8).astype(np.int8)
    return stored


def _high_half(values: Integers, by: int) -> Integers:
    """SaturatingRoundingDoublingHighMul on 16 bits: rounded to nearest, ties upwards."""
    return (values * by + (1 << 14)) >> 15


def _to_16_bits(factor: Multiplier) -> int:
    """DownScaleInt32ToInt16Multiplier."""
    mantissa = int(factor.mantissa)
    return _HIGH if mantissa >= 2**31 - 2**15 else (mantissa + 2**15) >> 16


def _saturated(values: Integers) -> Integers:
    return np.clip(values, _LOW, _HIGH)
