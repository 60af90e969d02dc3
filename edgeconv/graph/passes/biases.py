"""Gives every convolution and every Gemm a bias."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.view import require_constant, shape_of


def add_zero_biases(model: ir.Model) -> None:
    """Adds a zero bias wherever a Conv, ConvTranspose or Gemm has none.

    int8 kernels always add one, and bias correction needs a place to write to.
    """
    for node in tuple(model.graph):
        if node.op_type not in {"Conv", "ConvTranspose", "Gemm"}:
            continue
        if len(node.inputs) > 2 and node.inputs[2] is not None:
            continue
        channels = shape_of(node.outputs[0])[1]
        dtype = require_constant(node, 1).dtype
        bias = add_constant(model, f"{node.name}::bias", np.zeros(channels, dtype))
        node.resize_inputs(3)
        node.replace_input_with(2, bias)
