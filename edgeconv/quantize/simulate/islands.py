"""Operators that stay in float: layers as matrix products, most others by ONNX's reference.

That samples pixel by pixel, so images are sampled here (`graph.sampling`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from edgeconv.graph.fusion import fused_activation
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.sampling import Sampling, sampled
from edgeconv.graph.view import constant_of, input_of, name_of, require_constant
from edgeconv.quantize.plan.affine import dequantize
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.weights import layer_of
from edgeconv.quantize.simulate.moves import evaluator
from edgeconv.quantize.simulate.products import product_of
from edgeconv.quantize.simulate.step import Array

Compute = Callable[[Sequence[Array]], list[Array]]


def float_kernel(node: ir.Node, plan: Plan, opset: int) -> Compute:
    """The node in float32, with the activation it absorbs.

    A layer's weights are those the files hold: the plan's integers dequantized where it has some.
    """
    layer = layer_of(node)
    compute = _layer(node, plan) if layer is not None else _without_weights(node, opset)
    fused = fused_activation(node)
    if fused is None:
        return compute
    bounds = fused.bounds
    return lambda inputs: [np.clip(array, *bounds) for array in compute(inputs)]


def _without_weights(node: ir.Node, opset: int) -> Compute:
    if operator_of(node).kind != "sampling":
        return evaluator(node, opset)
    sampling, fixed = Sampling.of(node), constant_of(node.inputs[1])
    if fixed is not None:
        return lambda inputs: [sampled(inputs[0], fixed, sampling)]
    return lambda inputs: [sampled(inputs[0], inputs[1], sampling)]


def _layer(node: ir.Node, plan: Plan) -> Compute:
    product = product_of(node, _constant(node, 1, plan))
    bias: Array = np.zeros(1, np.float32)
    if len(node.inputs) > 2 and constant_of(node.inputs[2]) is not None:
        bias = _constant(node, 2, plan).reshape(-1)
    spread = (-1, 1, 1) if operator_of(node).kind == "convolution" else (-1,)
    return lambda inputs: [product(inputs[0]) + bias.reshape(spread)]


def _constant(node: ir.Node, index: int, plan: Plan) -> Array:
    planned = plan.constants.get(name_of(input_of(node, index)))
    if planned is None:
        return require_constant(node, index).astype(np.float32)
    return dequantize(planned.values, planned.params)
