"""What TFLite's 16-bit kernels make of a plan: int16 activations, int8 weights, int64 biases.

Operators with such a kernel compute on integers, all others are islands. Activations are symmetric,
so padding stays zero. Operators that only move integers have one scale, so what they read on
another is requantized. XNNPACK has no 16-bit kernels: LiteRT's built-in ones run.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.graph.fusion import is_absorbed, written_outputs
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import constant_of, is_real, name_of, real_inputs, require_constant, string
from edgeconv.quantize.plan.affine import quantize, symmetric
from edgeconv.quantize.plan.int16 import INT16_MAX
from edgeconv.quantize.plan.parameters import Edge, Plan, QuantizedConstant, QuantParams
from edgeconv.quantize.plan.stored import row_scales
from edgeconv.quantize.plan.weights import Layer, layer_of


def on_16_bit_kernels(model: ir.Model, plan: Plan) -> Plan:
    """The plan with all that TFLite's kernels need, and what they have not in float.

    Args:
        model: a graph on the reals that the plan's integer weights stand for.
        plan: of `quantize.plan.int16.int16_plan`.
    """
    nodes = [node for node in model.graph if not is_absorbed(node)]
    islands = frozenset(node.name or "" for node in nodes if not _has_kernel(node, plan))
    constants: dict[str, QuantizedConstant] = {}
    requantize: dict[Edge, QuantParams] = {}
    for node in nodes:
        layer = layer_of(node)
        if node.name in islands:
            continue
        if layer is not None:
            constants |= _layer_constants(layer, plan)
        elif operator_of(node).scales == "free":
            constants |= _operands(node)
        else:
            requantize |= _rescaled(node, plan)
    return Plan(plan.activations, constants, requantize, islands)


def _has_kernel(node: ir.Node, plan: Plan) -> bool:
    """Whether a node computes on 16 bits: it has a kernel, and all its tensors have parameters."""
    if not operator_of(node).int16:
        return False
    if node.op_type == "Pad" and string(node, "mode", "constant") != "constant":
        return False  # MIRROR_PAD
    read = [value for _, value in real_inputs(node)]
    tensors = [name_of(value) for value in (*read, *written_outputs(node))]
    return bool(read) and all(name in plan.activations for name in tensors)


def _layer_constants(layer: Layer, plan: Plan) -> dict[str, QuantizedConstant]:
    """Weights as the plan has them, on scales that just fit where it has none; the bias."""
    name, weight = name_of(layer.weight), require_constant(layer.node, 1)
    held = plan.constants.get(name)
    if held is None:
        params = symmetric(row_scales(weight, layer.axis), "int8", layer.axis)
        held = QuantizedConstant(params, quantize(weight, params))
    found = {name: held}
    if layer.bias is not None:
        bias = require_constant(layer.node, 2)
        steps = plan.activations[name_of(layer.source)].scale * held.params.scale
        params = symmetric(steps, "int64", 0)
        integers = quantize(bias.reshape(-1), params).reshape(bias.shape)
        found[name_of(layer.bias)] = QuantizedConstant(params, integers)
    return found


def _operands(node: ir.Node) -> dict[str, QuantizedConstant]:
    """Constant operands, each on a scale that just fits."""
    found = {}
    for value in node.inputs:
        array = constant_of(value)
        if value is not None and array is not None and is_real(value):
            reach = float(np.abs(array).max(initial=0.0)) or 1.0
            params = symmetric(reach / INT16_MAX, "int16")
            found[name_of(value)] = QuantizedConstant(params, quantize(array, params))
    return found


def _rescaled(node: ir.Node, plan: Plan) -> dict[Edge, QuantParams]:
    """What a node that moves integers reads on another scale than it writes."""
    target = plan.activations[name_of(written_outputs(node)[0])]
    return {
        Edge(node.name or "", index): target
        for index, value in real_inputs(node)
        if plan.activations[name_of(value)].key != target.key
    }
