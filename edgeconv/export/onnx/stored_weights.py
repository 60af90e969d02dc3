"""Weights in fewer bits for an ONNX file that computes in float.

    float16           constant (float16) -> Cast -> operator
    weight-only int8  weight (int8)      -> DequantizeLinear -> operator
    dynamic int8      x -> DynamicQuantizeLinear -> ConvInteger or MatMulInteger with weight (int8)
                        -> Cast -> Mul by both scales -> Add the bias

int8 weights are the integers of the int8 plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import PlanRefused
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.view import array_of, constant_of, input_of, integer, name_of, shape_of
from edgeconv.quantize.plan.affine import along
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.stored import fits_float16
from edgeconv.quantize.plan.weights import Layer, layer_of


def in_float16(model: ir.Model) -> ir.Model:
    """A copy with every float32 constant of more than one value as float16, where it fits."""
    copy = model.clone()
    for name, value in tuple(copy.graph.initializers.items()):
        array = constant_of(value)
        if array is None or array.dtype != np.float32 or array.size < 2 or not fits_float16(array):
            continue
        stored = add_constant(copy, f"{name}::float16", array.astype(np.float16))
        to = ir.AttrInt64("to", ir.DataType.FLOAT.value)
        _replace(copy, value, ir.Node("", "Cast", [stored], [to], name=f"{name}::cast"))
    copy.graph.sort()
    return copy


def with_int8_weights(model: ir.Model, plan: Plan) -> ir.Model:
    """A copy with the weights of layers as the plan's integers behind a DequantizeLinear.

    Raises:
        PlanRefused: the plan has no integers for a layer's weight.
    """
    copy = model.clone()
    for node in tuple(copy.graph):
        layer = layer_of(node)
        if layer is not None:
            _widen(copy, layer, plan)
    copy.graph.sort()
    return copy


def with_dynamic_int8(model: ir.Model, plan: Plan) -> ir.Model:
    """A copy whose layers quantize what they read, every run; transposed convolutions widened.

    Raises as `with_int8_weights`.
    """
    copy = model.clone()
    for node in tuple(copy.graph):
        layer = layer_of(node)
        weights = operator_of(node).weights
        on_integers = None if weights is None else weights.on_integers
        if layer is not None and on_integers is not None and not integer(node, "transA", 0):
            _multiply_integers(copy, layer, plan, on_integers)
    copy.graph.sort()
    return with_int8_weights(copy, plan)


def _widen(model: ir.Model, layer: Layer, plan: Plan) -> None:
    name = name_of(layer.weight)
    if name not in model.graph.initializers:
        return  # another layer shares it, and has been here
    integers, scales = _integers(layer, plan)
    stored = add_constant(model, f"{name}::int8", integers)
    inputs = [stored, add_constant(model, f"{name}::scale", scales)]
    axis = [ir.AttrInt64("axis", layer.axis)]
    node = ir.Node("", "DequantizeLinear", inputs, axis, name=f"{name}::dequantize")
    _replace(model, layer.weight, node)


def _multiply_integers(model: ir.Model, layer: Layer, plan: Plan, on_integers: str) -> None:
    """Conv, Gemm or MatMul -> its form on integers; the result keeps its name."""
    node, name = layer.node, name_of(layer.node.outputs[0])
    source = input_of(node, 0)
    integers, scales = _integers(layer, plan)
    if integer(node, "transB", 0):
        integers = np.ascontiguousarray(integers.T)
    weight = add_constant(model, f"{name}::weight", integers)
    rank = len(shape_of(node.outputs[0]))
    is_convolution = layer.operator.kind == "convolution"
    channel = 1 if is_convolution else rank - 1
    weight_scale = add_constant(model, f"{name}::scale", along(scales, channel, rank))
    nodes = [dynamic := _node("DynamicQuantizeLinear", [source], f"{name}::dynamic", 3)]
    steps, scale, zero_point = dynamic.outputs
    attributes = [a for a in node.attributes.values() if is_convolution]
    nodes.append(
        ir.Node(
            "",
            on_integers,
            [steps, weight, zero_point],
            attributes,
            name=f"{name}::integers",
        )
    )
    to = ir.AttrInt64("to", ir.DataType.FLOAT.value)
    nodes.append(ir.Node("", "Cast", [nodes[-1].outputs[0]], [to], name=f"{name}::cast"))
    nodes.append(_node("Mul", [scale, weight_scale], f"{name}::scales"))
    nodes.append(_node("Mul", [nodes[-2].outputs[0], nodes[-1].outputs[0]], f"{name}::product"))
    if layer.bias is not None:
        bias = array_of(layer.bias)
        spread = add_constant(model, f"{name}::bias", along(bias.reshape(-1), channel, rank))
        nodes.append(_node("Add", [nodes[-1].outputs[0], spread], f"{name}::biased"))
    _take_over(model, node, nodes)


def _node(op_type: str, inputs: Sequence[ir.Value], name: str, outputs: int = 1) -> ir.Node:
    return ir.Node("", op_type, inputs, num_outputs=outputs, name=name)


def _take_over(model: ir.Model, old: ir.Node, nodes: Sequence[ir.Node]) -> None:
    """Puts nodes in a node's place; the last one's output becomes the old one's."""
    before, after = old.outputs[0], nodes[-1].outputs[0]
    after.name, after.shape, after.type = before.name, before.shape, before.type
    ir.convenience.replace_all_uses_with(before, after, replace_graph_outputs=True)
    constants = [v for v in old.inputs if v is not None and v.is_initializer()]
    before.name = f"{before.name}::replaced"
    model.graph.insert_before(old, nodes)
    model.graph.remove(old, safe=True)
    for value in constants:
        if not tuple(value.uses()):
            del model.graph.initializers[name_of(value)]


def _replace(model: ir.Model, value: ir.Value, node: ir.Node) -> None:
    """Puts a node's output in a constant's place, under the constant's name."""
    name = name_of(value)
    (output,) = node.outputs
    output.shape, output.type = value.shape, value.type
    ir.convenience.replace_all_uses_with(value, output, replace_graph_outputs=True)
    del model.graph.initializers[name]
    output.name = name
    model.graph.append(node)


def _integers(layer: Layer, plan: Plan) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The plan's integers of a layer's weight, and their scales by output channel."""
    name = name_of(layer.weight)
    if name not in plan.constants:
        raise PlanRefused(f"the plan has no integers for weight {name}")
    found = plan.constants[name]
    return found.values, found.params.scale
