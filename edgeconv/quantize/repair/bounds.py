"""What no value of a channel can leave, whatever the photo: interval arithmetic through the graph.

An input holds nothing beyond black and white. From there on a convolution's output lies between the
sums of its weights' products with the least and the greatest of what they read, and a clamp cuts
that. Behind a few layers the intervals are too wide to say anything, but the first ones
of a trained net often have channels that a ReLU provably holds at zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.fusion import clip_bounds
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import (
    activation_inputs,
    constant_of,
    integer,
    ints,
    name_of,
    require_constant,
    shape_of,
)
from edgeconv.quantize.plan.columns import as_rows
from edgeconv.quantize.plan.weights import Layer, layer_of

Array = NDArray[np.float64]

#: A step of an int8 grid is half of this share of its width.
WIDENED = 1 / 128
#: Share of the sum of magnitudes that float32 kernels may be off by.
_SLACK = 1e-5


@dataclass(frozen=True, eq=False)
class ChannelBounds:
    """The least and the greatest value of each channel, (channels,) each; may be infinite."""

    low: Array
    high: Array

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Which channels can hold a single value only."""
        found: NDArray[np.bool_] = self.low == self.high
        return found

    def clamped(self, low: float, high: float) -> ChannelBounds:
        """Cut at both ends."""
        return ChannelBounds(self.low.clip(low, high), self.high.clip(low, high))

    def with_zero(self) -> ChannelBounds:
        """Widened to what zero padding adds."""
        return ChannelBounds(np.minimum(self.low, 0.0), np.maximum(self.high, 0.0))

    def __add__(self, other: ChannelBounds) -> ChannelBounds:
        return ChannelBounds(self.low + other.low, self.high + other.high)


def input_bounds(
    low: Sequence[float], high: Sequence[float], widened: float = WIDENED
) -> ChannelBounds:
    """Bounds of an input by its channels' ends.

    Args:
        low: the least value of each channel.
        high: the greatest.
        widened: by this share of what all of them span, so that they hold for an input rounded to
            int8, too.
    """
    ends = np.array(low, np.float64), np.array(high, np.float64)
    margin = widened * (ends[1].max() - ends[0].min())
    return ChannelBounds(ends[0] - margin, ends[1] + margin)


def channel_bounds(model: ir.Model, source: ChannelBounds) -> dict[str, ChannelBounds]:
    """Bounds of every image-shaped tensor, (N, C, H, W), by name.

    Args:
        model: a hub graph with one input.
        source: bounds of the input.
    """
    (value,) = model.graph.inputs
    found = {name_of(value): source}
    for node in model.graph:
        for output in node.outputs:
            if output.name and output.shape is not None and len(shape_of(output)) == 4:
                channels = shape_of(output)[1]
                bounds = _of_node(node, found)
                known = bounds is not None and len(bounds.low) == channels
                found[output.name] = bounds if known and bounds else _unknown(channels)
    return found


def _unknown(channels: int) -> ChannelBounds:
    return ChannelBounds(np.full(channels, -math.inf), np.full(channels, math.inf))


def _of_node(node: ir.Node, found: dict[str, ChannelBounds]) -> ChannelBounds | None:
    """Bounds of a node's one output, None for an operator that is not followed."""
    values = [value for _, value in activation_inputs(node)]
    read = [found[name_of(value)] for value in values if name_of(value) in found]
    if not read or len(read) < len(values):
        return None
    operator = operator_of(node)
    if operator.operands and len(values) < len(node.inputs):
        return None  # with a constant
    clamp = clip_bounds(node)
    if clamp is not None:
        return read[0].clamped(*clamp)
    if operator.kind == "convolution":
        layer = layer_of(node)
        return _of_conv(layer, read[0]) if layer is not None and layer.has_filters else None
    if operator.kind == "pool" and operator.values != "computed":
        return read[0].with_zero() if integer(node, "count_include_pad", 0) else read[0]
    if node.op_type == "Add" and len(read[0].low) == len(read[1].low):
        return read[0] + read[1]
    if node.op_type == "Concat" and integer(node, "axis", 1) == 1:
        return reduce(_joined, read)
    return None


def _joined(one: ChannelBounds, other: ChannelBounds) -> ChannelBounds:
    return ChannelBounds(
        np.concatenate([one.low, other.low]), np.concatenate([one.high, other.high])
    )


def _of_conv(layer: Layer, read: ChannelBounds) -> ChannelBounds:
    if any(ints(layer.node, "pads", (0,))):
        read = read.with_zero()
    rows = as_rows(layer, require_constant(layer.node, 1).astype(np.float64))
    groups, count, _ = rows.shape
    taps = rows.reshape(groups, count, len(read.low) // groups, -1)
    up, down = (np.maximum(sign * taps, 0.0).sum(axis=3) for sign in (1.0, -1.0))
    low, high = (ends.reshape(groups, 1, -1) for ends in (read.low, read.high))
    bias = constant_of(layer.bias)
    start = np.zeros(groups * count) if bias is None else bias.reshape(-1).astype(np.float64)
    largest = np.maximum(np.abs(low), np.abs(high))
    products = _products(up + down, largest)
    slack = np.where(products > 0, _SLACK * (products + np.abs(start)), 0.0)
    return ChannelBounds(
        start + _products(up, low) - _products(down, high) - slack,
        start + _products(up, high) - _products(down, low) + slack,
    )


def _products(weights: Array, ends: Array) -> Array:
    """Sums over inputs of weights, (groups, outputs, inputs), times ends; zero times infinity is
    zero."""
    with np.errstate(invalid="ignore"):
        products = np.where(weights > 0, weights * ends, 0.0)
    total: Array = products.sum(axis=2).reshape(-1)
    return total
