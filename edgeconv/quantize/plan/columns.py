"""The columns that a layer's rows of weights are multiplied with.

A layer's output is a product: one row of weights for each output channel, times a column for each
output position (the values under the kernel, zeros where it lies in the padding). Columns are
(groups, width, samples); width counts a group's input channels times the kernel's taps, in the
order of the weight. Convolutions without groups and fully connected layers have one group, a
depthwise layer has one for each channel.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import integer, ints, shape_of
from edgeconv.quantize.plan.weights import Layer, layer_of


def multiplying_layers(model: ir.Model) -> list[Layer]:
    """Every Conv and Gemm with constant weights, in the order they are computed."""
    layers = (layer_of(node) for node in model.graph)
    return [layer for layer in layers if layer and layer.has_filters]


def as_rows(layer: Layer, weight: NDArray[Any]) -> NDArray[Any]:
    """An array shaped like the layer's weight as (groups, rows of a group, width)."""
    if layer.operator.kind == "product":
        return np.expand_dims(weight if layer.axis == 0 else weight.T, 0)
    groups = integer(layer.node, "group", 1)
    rows: NDArray[Any] = weight.reshape(groups, weight.shape[0] // groups, -1)
    return rows


def as_weight(layer: Layer, rows: NDArray[Any]) -> NDArray[Any]:
    """The inverse of `as_rows`."""
    if layer.operator.kind == "product" and layer.axis == 1:
        rows = rows.swapaxes(1, 2)
    return np.ascontiguousarray(rows).reshape(shape_of(layer.weight))


def columns(layer: Layer, values: NDArray[Any], most: int, turn: int = 0) -> NDArray[Any]:
    """Columns at no more than `most` of the output positions of one input.

    Args:
        layer: a Conv or a Gemm.
        values: what it reads, (N, C, ...) or (N, features).
        most: positions to take, spread evenly; all of them where there are fewer.
        turn: moves the positions, so that inputs do not all show the same ones.
    """
    if layer.operator.kind == "product":
        return np.ascontiguousarray(values.T)[None]
    kernel = shape_of(layer.weight)[2:]
    sizes = shape_of(layer.node.outputs[0])[2:]
    chosen = np.unravel_index(_spread(prod(sizes), most, turn), sizes)
    taps = [_tap(layer.node, values, tap, chosen) for tap in product(*map(range, kernel))]
    stacked = np.stack(taps, axis=1)
    groups = integer(layer.node, "group", 1)
    return stacked.reshape(groups, -1, stacked.shape[-1])


def _spread(positions: int, most: int, turn: int) -> NDArray[np.intp]:
    """Indices of at most `most` positions, evenly spread."""
    step = -(-positions // most)
    return np.arange(turn % step, positions, step)


def _tap(
    conv: ir.Node, values: NDArray[Any], tap: tuple[int, ...], chosen: tuple[NDArray[np.intp], ...]
) -> NDArray[Any]:
    """What one tap of the kernel reads at the chosen output positions, (C, N samples)."""
    rank = len(tap)
    strides, dilations = ints(conv, "strides", (1,) * rank), ints(conv, "dilations", (1,) * rank)
    pads = ints(conv, "pads", (0,) * (2 * rank))
    index: list[Any] = [slice(None), slice(None)]
    inside = np.ones(len(chosen[0]), bool)
    for axis, position in enumerate(chosen):
        at = position * strides[axis] + tap[axis] * dilations[axis] - pads[axis]
        size = values.shape[2 + axis]
        inside &= (at >= 0) & (at < size)
        index.append(np.clip(at, 0, size - 1))
    read: NDArray[Any] = values[tuple(index)]
    if not inside.all():
        read = np.where(inside, read, 0)
    return np.moveaxis(read, 0, 1).reshape(values.shape[1], -1)
