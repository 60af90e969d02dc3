"""Bias correction: takes the mean error that integer weights cause out of every output channel.

Rounding a weight by e moves the output by e * x. Behind a ReLU x has a mean well above zero, so the
errors of a row do not cancel but shift the whole channel, in every photo the same way. The shift is
known without running anything, from the mean m of each input channel (Nagel et al. 2019, "Data-Free
Quantization Through Weight Equalization and Bias Correction", section 4.2):

    shift[o] = sum over input channels c and taps k of error[o, c, k] * m[c] * s[k]

where error is what the integer weights stand for less the real ones, and s[k] is the share of
output positions at which tap k does not lie in the zero padding. The correction costs nothing on
the device: it ends in the integer bias.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import input_of, integer, ints, name_of, require_constant, shape_of
from edgeconv.quantize.observe.observations import Observations
from edgeconv.quantize.plan.affine import dequantize, quantize
from edgeconv.quantize.plan.parameters import QuantizedConstant
from edgeconv.quantize.plan.weights import Layer, layer_of


def correct(
    model: ir.Model, constants: Mapping[str, QuantizedConstant], observations: Observations
) -> dict[str, QuantizedConstant]:
    """The constants with every bias of a Conv or Gemm corrected."""
    corrected = dict(constants)
    for node in model.graph:
        layer = layer_of(node)
        if layer is None or layer.bias is None or not layer.has_filters:
            continue
        if name_of(layer.source) not in observations.tensors:
            continue
        means = observations.tensors[name_of(layer.source)].channel_mean
        shift = _shift(layer, constants[name_of(layer.weight)], means)
        before = constants[name_of(layer.bias)]
        bias = require_constant(node, 2).astype(np.float64)
        params = before.params
        corrected[name_of(layer.bias)] = QuantizedConstant(
            params, quantize(bias - shift.reshape(bias.shape), params)
        )
    return corrected


def _shift(
    layer: Layer, weight: QuantizedConstant, means: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean error of each output channel, (channels,)."""
    real = require_constant(layer.node, 1).astype(np.float64)
    error = dequantize(weight.values, weight.params).astype(np.float64) - real
    if layer.operator.kind == "product":
        rows = error if layer.axis == 0 else error.T
        product: NDArray[np.float64] = rows @ means
        return product
    taps = _shares(layer.node)
    groups = integer(layer.node, "group", 1)
    outputs, width = error.shape[:2]
    by_tap = error.reshape(groups, outputs // groups, width, -1) @ taps.reshape(-1)
    shift: NDArray[np.float64] = (by_tap * means.reshape(groups, 1, width)).sum(axis=2)
    return shift.reshape(-1)


def _shares(conv: ir.Node) -> NDArray[np.float64]:
    """Share of output positions at which each tap of the kernel reads the image, (kH, kW)."""
    size, kernel = shape_of(input_of(conv))[2:], shape_of(input_of(conv, 1))[2:]
    rank = len(kernel)
    strides, dilations = ints(conv, "strides", (1,) * rank), ints(conv, "dilations", (1,) * rank)
    pads = ints(conv, "pads", (0,) * (2 * rank))
    along = []
    for axis in range(rank):
        positions = np.arange(shape_of(conv.outputs[0])[2 + axis]) * strides[axis] - pads[axis]
        reads = positions[None, :] + np.arange(kernel[axis])[:, None] * dilations[axis]
        along.append(((reads >= 0) & (reads < size[axis])).mean(axis=1))
    shares: NDArray[np.float64] = along[0]
    for further in along[1:]:
        shares = np.multiply.outer(shares, further)
    return shares
