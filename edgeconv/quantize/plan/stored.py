"""How weights are stored in fewer bits where the net computes in float."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.quantize.plan.affine import WEIGHT_MAX

_HALF = float(np.finfo(np.float16).max)


def fits_float16(array: NDArray[Any]) -> bool:
    """Whether no value would become infinite as float16."""
    return bool(np.abs(array).max(initial=0.0) <= _HALF)


def row_scales(array: NDArray[Any], axis: int) -> NDArray[np.float32]:
    """The scale of each channel along an axis that its largest weight just fits, (channels,).

    A channel of zeros gets scale 1: any would do, and kernels divide by it.
    """
    rows = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
    largest = np.abs(rows).max(axis=1, initial=0.0).astype(np.float64) / WEIGHT_MAX
    scales: NDArray[np.float32] = np.where(largest > 0, largest, 1.0).astype(np.float32)
    return scales
