"""Normalization inside the graph, for apps that feed raw pixels (`--io uint8`).

    y[c] = x[c] / (255 * std[c]) - mean[c] / std[c]

Case 1. The image goes into one convolution that sees nothing beyond its edge. Factor and offset are
folded into its weights and its bias, which is exact:

    sum_c w[c] * (a[c] * x[c] + b[c])  =  sum_c (w[c] * a[c]) * x[c]  +  sum_c w[c] * b[c]

The zeros of a padded convolution stand for the mean's pixel: folded, they would stand for black.

Case 2. All else gets a depthwise 1 x 1 convolution called `normalize` in front. In int8 its weights
are exact (one weight a channel, each channel with its own scale), so what the net sees is what an
app would have computed by hand, rounded once.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.graph.passes.edit import add_constant, make_channel_scale
from edgeconv.graph.view import array_of, integer, ints, name_of, set_constant, sole_consumer
from edgeconv.quantize.plan.planner import PIXELS
from edgeconv.quantize.plan.weights import Layer, layer_of

NORMALIZE = "normalize"

#: Of the largest std to the smallest: int8 holds a filter on one scale, so that weights of a
#: channel with twice the std lose one bit where they are folded.
_ALIKE = 2.0

_Array = NDArray[np.float64]


def with_pixel_input(model: ir.Model, preprocessing: Preprocessing) -> ir.Model:
    """A copy of a hub graph whose one input is `pixels`, float32 (N, 3, H, W) holding 0..255."""
    copy = model.clone()
    graph = copy.graph
    old = graph.inputs[0]
    pixels = ir.Value(name=PIXELS, shape=old.shape, type=old.type)
    std = np.asarray(preprocessing.std, np.float64)
    factor, offset = 1 / (255 * std), -np.asarray(preprocessing.mean, np.float64) / std
    reader = sole_consumer(old)
    layer = None if reader is None else layer_of(reader)
    if layer is not None and _folds(layer, std, offset):
        _fold(copy, layer, factor, offset)
        old.replace_all_uses_with(pixels)
    else:
        _put_in_front(copy, pixels, factor, offset)
    graph.inputs[0] = pixels
    return copy


def _folds(layer: Layer, std: _Array, offset: _Array) -> bool:
    """Case 1; where the mean is zero, so is the pixel that zeros stand for."""
    held = [value for value in (layer.weight, layer.bias) if value is not None]
    return (
        layer.node.op_type == "Conv"
        and all(value.const_value is not None and len(value.uses()) == 1 for value in held)
        and (not any(ints(layer.node, "pads", ())) or not offset.any())
        and bool(std.max() <= _ALIKE * std.min())
    )


def _fold(model: ir.Model, layer: Layer, factor: _Array, offset: _Array) -> None:
    """Weights (outputs, channels of a group, ...) on pixels, and what that leaves to the bias."""
    groups = integer(layer.node, "group", 1)
    weight = array_of(layer.weight).astype(np.float64)
    seen = np.repeat(np.arange(groups), len(weight) // groups)
    shape = (len(weight), weight.shape[1], *(1,) * (weight.ndim - 2))
    factors, offsets = (each.reshape(groups, -1)[seen].reshape(shape) for each in (factor, offset))
    bias = (weight * offsets).reshape(len(weight), -1).sum(axis=1)
    set_constant(model, name_of(layer.weight), weight * factors)
    if layer.bias is not None:
        set_constant(model, name_of(layer.bias), array_of(layer.bias) + bias)
        return
    layer.node.resize_inputs(3)
    name = f"{name_of(layer.weight).removesuffix('.weight')}.bias"
    layer.node.replace_input_with(2, add_constant(model, name, bias.astype(np.float32)))


def _put_in_front(model: ir.Model, pixels: ir.Value, factor: _Array, offset: _Array) -> None:
    """Case 2."""
    old = model.graph.inputs[0]
    node = make_channel_scale(
        model, pixels, factor, offset, name=NORMALIZE, constants=f"{NORMALIZE}."
    )
    output = node.outputs[0]
    output.name, output.shape, output.type = name_of(old), old.shape, old.type
    old.replace_all_uses_with(output)
    model.graph.insert_before(model.graph[0], node)
