"""TFLite's fixed-point arithmetic: a real factor as a 31-bit mantissa and a power of two.

    real = mantissa * 2^(shift - 31),   2^30 <= mantissa < 2^31

LiteRT's reference kernels round in one of two ways, found by comparing integers with them:

- twice, in all kernels but one: the high half of the doubled 64-bit product to nearest with ties up
  (gemmlowp's SaturatingRoundingDoublingHighMul), then the division by the power of two to nearest
  with ties away from zero (RoundingDivideByPOT);
- once, in FULLY_CONNECTED: the whole product to nearest, ties away from zero.

Source of the first: TensorFlow Lite's `kernels/internal/common.h` without TFLITE_SINGLE_ROUNDING,
and gemmlowp's `fixedpoint.h`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]

#: Values worked on at once: the passes over them stay in the cache.
_BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class Multiplier:
    """A positive real factor, or one for each channel.

    Attributes:
        mantissa: int64 in [2^30, 2^31), or 0.
        shift: int64, same shape; left where positive.
    """

    mantissa: Integers
    shift: Integers

    @classmethod
    def of(cls, factor: ArrayLike) -> Multiplier:
        """The nearest fixed-point factor, as TFLite's QuantizeMultiplier gives it."""
        fraction, exponent = np.frexp(np.asarray(factor, np.float64))
        mantissa = np.asarray(half_away(fraction * 2.0**31)).astype(np.int64)
        shift = np.asarray(exponent, np.int64)
        carried = mantissa == 2**31
        mantissa = np.where(carried, mantissa // 2, mantissa)
        shift = shift + carried
        lost = shift < -31
        return cls(np.where(lost, 0, mantissa), np.where(lost, 0, shift))


Rescaling = Callable[[NDArray[Any], Multiplier], Integers]


def half_away(values: ArrayLike) -> NDArray[np.floating[Any]]:
    """Rounds to nearest, ties away from zero, as C's `round` and TfLiteRound do."""
    array = np.asarray(values)
    rounded: NDArray[np.floating[Any]] = np.copysign(np.floor(np.abs(array) + 0.5), array)
    return rounded


def rescale(values: NDArray[Any], by: Multiplier) -> Integers:
    """MultiplyByQuantizedMultiplier: int32 accumulators (of any type) times a factor, int64.

    Rounds twice.
    """
    left, right = np.maximum(by.shift, 0), np.maximum(-by.shift, 0)
    scaled = values.astype(np.int64)
    if left.any():
        scaled <<= left
    scaled *= by.mantissa
    scaled += 1 << 30
    scaled >>= 31
    return divide_by_power(scaled, right)


def rescale_once(values: NDArray[Any], by: Multiplier) -> Integers:
    """The same, rounded once."""
    scaled = values.astype(np.int64) * by.mantissa
    return divide_by_power(scaled, 31 - by.shift)


def divide_by_power(values: Integers, exponent: Integers) -> Integers:
    """RoundingDivideByPOT, in place: by 2^exponent, to nearest, ties away from zero."""
    if not exponent.any():
        return values
    negative = values >> 63
    values += (1 << exponent) >> 1
    values += np.where(exponent > 0, negative, 0) if (exponent == 0).any() else negative
    values >>= exponent
    return values


def requantize(
    values: NDArray[Any],
    by: Multiplier,
    zero_point: int,
    limits: tuple[int, int],
    *,
    offset: Integers | None = None,
    rescaling: Rescaling = rescale,
) -> NDArray[np.int8]:
    """Accumulators (channels, values) to int8: rescaled, shifted to the zero point, clamped.

    Args:
        values: exact integers of any type.
        by: factors of shape (channels, 1) or (1, 1).
        zero_point: of the output.
        limits: lowest and highest integer let through.
        offset: added to the accumulators before, (channels, 1).
        rescaling: which of the two roundings.
    """
    result = np.empty(values.shape, np.int8)
    rows = max(1, _BLOCK // max(1, values.shape[1]))
    per_row = by.mantissa.shape[0] > 1
    for start in range(0, len(values), rows):
        part = slice(start, start + rows)
        sums = values[part].astype(np.int64)
        if offset is not None:
            sums += offset[part]
        factor = Multiplier(by.mantissa[part], by.shift[part]) if per_row else by
        scaled = rescaling(sums, factor)
        scaled += zero_point
        np.clip(scaled, *limits, out=scaled)
        result[part] = scaled
    return result
