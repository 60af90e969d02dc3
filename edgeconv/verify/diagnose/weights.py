"""Whether a layer's integer weights are the net's: statically, channel by channel.

Equalization multiplies the weights of an output channel by a > 0 and those of an input channel by
b > 0, so the integers stand for

    stored[o, i, tap] = a[o] * b[i] * float[o, i, tap] + rounding

The best a and b are fitted; what they leave must be rounding. A transposed kernel, a swapped
channel or a changed sign leaves as much as the weights themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import integer
from edgeconv.quantize.plan.affine import dequantize
from edgeconv.quantize.plan.parameters import QuantizedConstant
from edgeconv.runtime.metrics import decibels
from edgeconv.runtime.plain import some
from edgeconv.verify.thresholds import DIAGNOSIS

Floats = NDArray[np.float64]

_ROUNDS = 12
#: How many channels a message names.
_NAMED = 6


@dataclass(frozen=True)
class WeightFit:
    """How well a layer's integers are its float weights.

    Attributes:
        sqnr_db: of the whole layer.
        bad_outputs: output channels whose weights are not the net's.
        bad_inputs: input channels of which the same holds, counted over all outputs.
        negative: output channels whose weights have the opposite sign.
    """

    sqnr_db: float
    bad_outputs: tuple[int, ...]
    bad_inputs: tuple[int, ...]
    negative: tuple[int, ...]

    @property
    def is_bad(self) -> bool:
        """Whether any channel is wrong."""
        return bool(self.bad_outputs or self.bad_inputs or self.negative)

    def describe(self) -> str:
        """What is wrong, in words."""
        parts = []
        if self.bad_outputs:
            parts.append(f"output channel {some(self.bad_outputs, _NAMED)}")
        if self.bad_inputs:
            parts.append(f"input channel {some(self.bad_inputs, _NAMED)}")
        if self.negative:
            parts.append(f"the sign of output channel {some(self.negative, _NAMED)}")
        return " and ".join(parts)


def fit(node: ir.Node, exact: NDArray[Any], stored: QuantizedConstant) -> WeightFit:
    """Compares integers with the float weights they stand for, both in the hub's order."""
    scale = stored.params.scale.astype(np.float64).reshape(-1)
    reals = dequantize(stored.values, stored.params)
    return _fit(node, exact, reals, stored.params.axis or 0, scale)


def fit_floats(node: ir.Node, exact: NDArray[Any], held: NDArray[Any], axis: int) -> WeightFit:
    """Compares weights that a file holds in float; `axis` is that of the output channels."""
    return _fit(node, exact, held, axis, np.zeros(1))


def _fit(
    node: ir.Node, exact: NDArray[Any], held: NDArray[Any], axis: int, scale: Floats
) -> WeightFit:
    wanted, given = (_rows(array.astype(np.float64), axis) for array in (exact, held))
    inputs = _inputs_of(node, wanted.shape)
    a, b = _gains(wanted, given, inputs)
    left = given - a[:, None, None] * b[inputs][:, :, None] * wanted
    steps = np.broadcast_to(scale, (len(given),))
    rows = _bad(given, left, steps, (1, 2))
    columns = _bad_inputs(given, left, steps, inputs)
    negative = np.flatnonzero((a < 0) & ~rows)
    return WeightFit(
        decibels(float((given**2).sum()), float((left**2).sum())),
        tuple(np.flatnonzero(rows).tolist()),
        () if rows.all() else tuple(columns),
        tuple(negative.tolist()),
    )


def _rows(array: Floats, axis: int) -> Floats:
    """(outputs, inputs of one output, taps)."""
    moved = np.moveaxis(array, axis, 0)
    return moved.reshape(len(moved), moved.shape[1], -1)


def _inputs_of(node: ir.Node, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Input channel behind each (output, input of its group)."""
    outputs, width = shape[:2]
    groups = integer(node, "group", 1) if node.op_type == "Conv" else 1
    group = np.arange(outputs) // (outputs // groups)
    return group[:, None] * width + np.arange(width)[None, :]


def _gains(wanted: Floats, given: Floats, inputs: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The factors of output and input channels, by alternating least squares."""
    count = int(inputs.max()) + 1
    a, b = np.ones(len(wanted)), np.ones(count)
    cross = (wanted * given).sum(axis=2)
    energy = (wanted**2).sum(axis=2)
    for _ in range(_ROUNDS):
        seen = b[inputs]
        a = _ratio((seen * cross).sum(axis=1), (seen**2 * energy).sum(axis=1))
        if inputs.shape[1] == 1:  # depthwise: one factor says it all
            break
        above, below = np.zeros(count), np.zeros(count)
        np.add.at(above, inputs, a[:, None] * cross)
        np.add.at(below, inputs, (a**2)[:, None] * energy)
        b = np.maximum(_ratio(above, below), 0)
    return a, b


def _ratio(above: Floats, below: Floats) -> Floats:
    usable = below > 0
    ratio: Floats = np.where(usable, above / np.where(usable, below, 1), 0.0)
    return ratio


def _bad(given: Floats, left: Floats, steps: Floats, axes: tuple[int, ...]) -> NDArray[np.bool_]:
    energy, residual = (given**2).sum(axis=axes), (left**2).sum(axis=axes)
    rms = np.sqrt((left**2).mean(axis=axes))
    bad: NDArray[np.bool_] = (energy < residual * 10 ** (DIAGNOSIS.weights_db / 10)) & (
        rms > DIAGNOSIS.weights_steps * steps
    )
    return bad


def _bad_inputs(given: Floats, left: Floats, steps: Floats, inputs: NDArray[np.int64]) -> list[int]:
    """Input channels that are wrong over all outputs; depthwise layers have none of their own."""
    if inputs.shape[1] == 1:
        return []
    count, taps = int(inputs.max()) + 1, given.shape[2]
    energy, residual, allowed = (np.zeros(count) for _ in range(3))
    np.add.at(energy, inputs, (given**2).sum(axis=2))
    np.add.at(residual, inputs, (left**2).sum(axis=2))
    np.add.at(allowed, inputs, np.broadcast_to(steps[:, None] ** 2 * taps, inputs.shape))
    bad = (energy < residual * 10 ** (DIAGNOSIS.weights_db / 10)) & (
        residual > DIAGNOSIS.weights_steps**2 * allowed
    )
    return [int(i) for i in np.flatnonzero(bad)]
