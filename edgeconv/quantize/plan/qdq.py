"""A hub graph with a plan's quantize and dequantize nodes in it.

    hub:   ... -> Conv -> features.0 -> ...
    file:  ... -> Conv -> features.0::float -> QuantizeLinear -> features.0::int8
                       -> DequantizeLinear -> features.0 -> ...

So a hub tensor's name always stands for the values its readers see, and `NAME::int8` for the
integers behind them. That holds for weights and biases too: `NAME::int8` or `NAME::int32` is the
initializer, `NAME` its dequantized values. Only a graph input must keep its name for what is fed:
its readers see `NAME::dequantized`.

A Relu or Clip that `graph.fusion` absorbs gets no pair before it, so that runtimes fuse it.

A node that the plan keeps in float has no integers for its weights, and none for what only such
nodes read. It reads what an island before it wrote: `NAME::float` where others read `NAME` rounded.

The int8 ONNX file is made of this graph. With the fusion of pairs off, onnxruntime computes it in
float, rounded to the plan's grids: so steps are judged (`refine.judge`), biases measured, and, with
a switch at every pair (`mixed.switches`), tensors found that rounding harms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from edgeconv.graph.fusion import written_output
from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.qdq_names import before_rounding, integers_of, requantized_integers_of
from edgeconv.graph.view import input_of, name_of
from edgeconv.quantize.plan.parameters import Plan, QuantizedConstant, QuantParams


def insert_qdq(model: ir.Model, plan: Plan, *, uint8_inputs: bool = False) -> ir.Model:
    """A copy of the hub graph that obeys the plan literally.

    Args:
        model: a hub graph.
        plan: of this graph (`rules.check_plan`); what it has no parameters for stays in float.
        uint8_inputs: whether inputs take the uint8 that holds the plan's int8 plus 128.
    """
    copy = model.clone()
    for name, constant in plan.constants.items():
        _store_integers(copy, name, constant)
    readers = _quantize_activations(copy, plan, uint8_inputs=uint8_inputs)
    _requantize_edges(copy, plan, readers)
    copy.graph.sort()
    return copy


def rounding_pair(
    value: ir.Value, scale: ir.Value, zero_point: ir.Value, integers: str
) -> list[ir.Node]:
    """QuantizeLinear to a tensor called `integers`, and DequantizeLinear; not yet in a graph."""
    inputs = [value, scale, zero_point]
    quantize = ir.Node("", "QuantizeLinear", inputs, name=f"{integers}::quantize")
    held = quantize.outputs[0]
    held.name, held.type, held.shape = integers, zero_point.type, value.shape
    return [quantize, _dequantize(held, scale, zero_point, axis=None)]


def _store_integers(model: ir.Model, name: str, constant: QuantizedConstant) -> None:
    """Replaces a float initializer by its integers and a DequantizeLinear."""
    value = model.graph.initializers[name]
    params = constant.params
    integers = add_constant(model, f"{name}::{params.dtype}", constant.values)
    scale, zero_point = _parameters(model, name, params)
    dequantize = _dequantize(integers, scale, zero_point, axis=params.axis)
    ir.convenience.replace_all_uses_with(value, dequantize.outputs[0], replace_graph_outputs=True)
    del model.graph.initializers[name]
    dequantize.outputs[0].name = name
    model.graph.append(dequantize)


def _quantize_activations(
    model: ir.Model, plan: Plan, *, uint8_inputs: bool
) -> dict[str, ir.Value]:
    """Puts a pair behind every quantized activation; gives what their readers see, by hub name."""
    values = {name_of(value): value for value in model.graph.inputs}
    values.update((name_of(v), v) for node in model.graph for v in node.outputs if v.name)
    exact = _read_in_float(model, plan)
    readers: dict[str, ir.Value] = {}
    for name, params in plan.activations.items():
        value = values[name]
        if value.is_graph_input() and uint8_inputs:
            readers[name] = _dequantize_pixels(model, value, params)
        else:
            readers[name] = _pair(model, value, params, exact[name])
    return readers


def _read_in_float(model: ir.Model, plan: Plan) -> dict[str, frozenset[str]]:
    """By tensor, the islands that read it as another island wrote it, not rounded."""
    found: dict[str, frozenset[str]] = defaultdict(frozenset)
    for node in model.graph:
        if node.name in plan.islands:
            value = written_output(node)
            readers = {use.node.name or "" for use in value.uses()}
            found[name_of(value)] = frozenset(readers & plan.islands)
    return found


def _pair(model: ir.Model, value: ir.Value, params: QuantParams, exact: frozenset[str]) -> ir.Value:
    name = name_of(value)
    uses = tuple(use for use in value.uses() if use.node.name not in exact)
    scale, zero_point = _parameters(model, name, params)
    stored = integers_of(name) if params.dtype == "int8" else f"{name}::{params.dtype}"
    nodes = rounding_pair(value, scale, zero_point, stored)
    seen = nodes[-1].outputs[0]
    for use in uses:
        use.node.replace_input_with(use.idx, seen)
    if value.is_graph_input():
        seen.name = f"{name}::dequantized"
    else:
        for index, output in enumerate(model.graph.outputs):
            if output is value:
                model.graph.outputs[index] = seen
        value.name = before_rounding(name)
        seen.name = name
    model.graph.extend(nodes)
    return seen


def _dequantize_pixels(model: ir.Model, value: ir.Value, params: QuantParams) -> ir.Value:
    """Turns a float input into the uint8 that holds the plan's int8 plus 128."""
    name = name_of(value)
    uses = tuple(value.uses())
    value.type = ir.TensorType(ir.DataType.UINT8)
    scale = add_constant(model, f"{name}::scale", params.scale.astype(np.float32))
    shifted = (params.zero_point.astype(np.int32) + 128).astype(np.uint8)
    zero_point = add_constant(model, f"{name}::zero_point", shifted)
    dequantize = _dequantize(value, scale, zero_point, axis=None)
    seen = dequantize.outputs[0]
    seen.name = f"{name}::dequantized"
    for use in uses:
        use.node.replace_input_with(use.idx, seen)
    model.graph.append(dequantize)
    return seen


def _requantize_edges(model: ir.Model, plan: Plan, readers: dict[str, ir.Value]) -> None:
    nodes = {node.name: node for node in model.graph}
    names = {id(value): name for name, value in readers.items()}
    for edge, params in plan.requantize.items():
        node = nodes[edge.consumer]
        source = input_of(node, edge.index)
        name = requantized_integers_of(names[id(source)], edge.consumer, edge.index)
        scale, zero_point = _parameters(model, name, params)
        nodes_between = rounding_pair(source, scale, zero_point, name)
        seen = nodes_between[-1].outputs[0]
        seen.name = f"{name}::dequantized"
        node.replace_input_with(edge.index, seen)
        model.graph.extend(nodes_between)


def _parameters(model: ir.Model, name: str, params: QuantParams) -> Sequence[ir.Value]:
    scale = add_constant(model, f"{name}::scale", params.scale.astype(np.float32))
    zero_point = params.zero_point.astype(params.dtype)
    return scale, add_constant(model, f"{name}::zero_point", zero_point)


def _dequantize(
    integers: ir.Value, scale: ir.Value, zero_point: ir.Value, *, axis: int | None
) -> ir.Node:
    attributes = [] if axis is None else [ir.AttrInt64("axis", axis)]
    name = f"{integers.name}::dequantize"
    node = ir.Node("", "DequantizeLinear", [integers, scale, zero_point], attributes, name=name)
    node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    node.outputs[0].shape = integers.shape
    return node
