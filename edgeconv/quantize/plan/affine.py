"""Affine 8-bit arithmetic: from an interval to a scale and a zero point, from reals to integers.

    real = scale * (integer - zero_point)

Activations are asymmetric int8 in [-128, 127]; weights symmetric int8 in [-127, 127], so that a
kernel may negate one; biases int32 at zero point 0 (TFLite 8-bit quantization specification).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgeconv.quantize.plan.parameters import IntegerType, QuantParams
from edgeconv.quantize.plan.ranges import Range

INT8 = (-128, 127)
#: Steps between the lowest and the highest integer.
STEPS = 255
WEIGHT_MAX = 127
#: Interval of a tensor that is always zero: any would do, this one keeps every multiplier sane.
DEAD: Range = (0.0, 1.0)
#: Narrowest interval: multipliers of the kernels reach down to 2^-31 only.
NARROWEST = 1e-6


def activation_params(interval: Range) -> QuantParams:
    """Scale and zero point of int8 activations spanning an interval that contains zero.

    Zero is represented exactly. An interval that starts at zero is never exceeded: where it ends at
    a clamp (6 of a ReLU6), saturating to int8 is that clamp and no operator is needed for it.
    """
    low, high = interval
    width = high - low
    if width == 0.0:
        low, high = DEAD
    elif width < NARROWEST:
        low, high = low * NARROWEST / width, high * NARROWEST / width
    scale = np.float32((high - low) / STEPS)
    if float(scale) * STEPS > high - low:
        scale = np.nextafter(scale, np.float32(0))
    zero_point = int(np.clip(np.rint(INT8[0] - low / float(scale)), *INT8))
    return params(scale, zero_point)


def params(scale: float | np.floating[Any], zero_point: int) -> QuantParams:
    """Per-tensor int8 parameters."""
    return QuantParams(np.asarray(scale, np.float32), np.asarray(zero_point, np.int32))


def symmetric(
    scale: float | NDArray[Any], dtype: IntegerType, axis: int | None = None
) -> QuantParams:
    """Parameters at zero point 0: one scale, or one for each channel along an axis."""
    scales = np.asarray(scale, np.float32)
    return QuantParams(scales, np.zeros(scales.shape, np.int32), dtype, axis)


def quantize(values: NDArray[Any], to: QuantParams) -> NDArray[np.integer[Any]]:
    """The integers that stand for `values`: rounded to nearest even, saturated to the type."""
    limits = np.iinfo(to.dtype)
    lowest = -WEIGHT_MAX if to.axis is not None and to.dtype == "int8" else limits.min
    scale = along(to.scale.astype(np.float64), to.axis, values.ndim)
    zero_point = along(to.zero_point, to.axis, values.ndim)
    integers = np.rint(values.astype(np.float64) / scale) + zero_point
    stored: NDArray[np.integer[Any]] = np.clip(integers, lowest, limits.max).astype(to.dtype)
    return stored


def dequantize(integers: NDArray[Any], of: QuantParams) -> NDArray[np.float32]:
    """The reals the integers stand for, float32."""
    scale = along(of.scale, of.axis, integers.ndim)
    zero_point = along(of.zero_point, of.axis, integers.ndim)
    reals: NDArray[np.float32] = ((integers.astype(np.int64) - zero_point) * scale).astype(
        np.float32
    )
    return reals


def along(vector: NDArray[Any], axis: int | None, rank: int) -> NDArray[Any]:
    """A per-channel vector shaped to broadcast along `axis` of a tensor of that rank."""
    if axis is None:
        return vector
    shape: Sequence[int] = [-1 if i == axis else 1 for i in range(rank)]
    return vector.reshape(shape)


def clamps_alike(scale: float, zero_point: int, dtype: DTypeLike, bounds: Range) -> bool:
    """Whether quantizing alone gives the integers that clamping to bounds and quantizing gives.

    Quantization is monotone and saturates, so it does where the bounds themselves are quantized to
    the lowest and the highest integer.
    """
    lowest, highest = (bound / scale + zero_point for bound in bounds)
    limits = np.iinfo(dtype)
    return bool(np.rint(lowest) <= limits.min and np.rint(highest) >= limits.max)


def covered(of: QuantParams) -> Range:
    """Lowest and highest real an int8 per-tensor grid stands for."""
    scale, zero_point = float(of.scale), int(of.zero_point)
    return scale * (INT8[0] - zero_point), scale * (INT8[1] - zero_point)
