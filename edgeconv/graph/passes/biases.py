"""Gives every convolution and every Gemm a bias."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.view import require_constant, shape_of


def add_zero_biases(model: ir.Model) -> None:
    """Adds a zero bias wherever a Conv, ConvTranspose or Gemm has none.

    int8 kernels always add one, and bias correction needs a place to write to.
    """
    for node in tuple(model.graph):
        weights = operator_of(node).weights
        if weights is None or weights.bias_slot is None:
            continue
        if len(node.inputs) > weights.bias_slot and node.inputs[weights.bias_slot] is not None:
            continue
        channels = shape_of(node.outputs[0])[1]
        dtype = require_constant(node, weights.slot).dtype
        bias = add_constant(model, f"{node.name}::bias", np.zeros(channels, dtype))
        node.resize_inputs(weights.bias_slot + 1)
        node.replace_input_with(weights.bias_slot, bias)
