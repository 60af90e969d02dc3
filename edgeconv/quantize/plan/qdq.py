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

from edgeconv.errors import PlanRefused
from edgeconv.graph.fusion import is_absorbed, written_output, written_outputs
from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.qdq_names import integers_of, requantized_integers_of
from edgeconv.graph.view import is_real, name_of, shape_of
from edgeconv.quantize.plan.parameters import Plan, QuantizedConstant, QuantParams

_STORED = {"int8": np.int8, "int16": np.int16, "int32": np.int32}
_TYPES = {"int8": ir.DataType.INT8, "int16": ir.DataType.INT16}


def insert_qdq(model: ir.Model, plan: Plan, *, uint8_inputs: bool = False) -> ir.Model:
    """A copy of the hub graph that obeys the plan literally.

    Raises:
        PlanRefused: the plan names a tensor the graph has not, misses one it should have, or uses
            a type that ONNX cannot quantize to.
    """
    _require_fit(model, plan)
    copy = model.clone()
    for name, constant in plan.constants.items():
        _store_integers(copy, name, constant)
    readers = _quantize_activations(copy, plan, uint8_inputs=uint8_inputs)
    _requantize_edges(copy, plan, readers)
    copy.graph.sort()
    return copy


def before_rounding(name: str) -> str:
    """Name of what an operator computes for a planned activation, before its pair."""
    return f"{name}::float"


def rounding_pair(
    value: ir.Value, scale: ir.Value, zero_point: ir.Value, integers: str
) -> list[ir.Node]:
    """QuantizeLinear to a tensor called `integers`, and DequantizeLinear; not yet in a graph."""
    inputs = [value, scale, zero_point]
    quantize = ir.Node("", "QuantizeLinear", inputs, name=f"{integers}::quantize")
    held = quantize.outputs[0]
    held.name, held.type, held.shape = integers, zero_point.type, value.shape
    return [quantize, _dequantize(held, scale, zero_point, axis=None)]


def _require_fit(model: ir.Model, plan: Plan) -> None:
    graph = model.graph
    written = {name_of(value) for value in graph.inputs}
    for node in graph:
        if is_absorbed(node):
            continue
        names = {name_of(value) for value in written_outputs(node) if is_real(value)}
        written |= names
        missing = sorted(names - set(plan.activations))
        if missing and node.name not in plan.islands:
            raise PlanRefused(
                f"the plan has no parameters for {missing[0]}, the output of {node.op_type} "
                f"{node.name}, and does not keep that node in float"
            )
    _refuse_unknown("activations", set(plan.activations) - written)
    _refuse_unknown("constants", set(plan.constants) - set(graph.initializers))
    for name, params in plan.activations.items():
        if params.dtype not in _TYPES or params.axis is not None:
            raise PlanRefused(
                f"the plan stores activation {name} as {params.dtype}"
                f"{'' if params.axis is None else ' per channel'}; ONNX files hold activations "
                "as int8 or int16 per tensor"
            )


def _refuse_unknown(kind: str, unknown: set[str]) -> None:
    if unknown:
        raise PlanRefused(
            f"the plan's {kind} name {', '.join(sorted(unknown)[:3])}, which no device stores: "
            "either the graph has no such tensor or an operator absorbs it"
        )


def _store_integers(model: ir.Model, name: str, constant: QuantizedConstant) -> None:
    """Replaces a float initializer by its integers and a DequantizeLinear."""
    value = model.graph.initializers[name]
    params = constant.params
    if params.dtype not in _STORED:
        raise PlanRefused(f"the plan stores {name} as {params.dtype}; allowed: int8, int32")
    if tuple(constant.values.shape) != shape_of(value):
        raise PlanRefused(
            f"the plan's integers for {name} have shape {constant.values.shape}, "
            f"the graph's tensor {shape_of(value)}"
        )
    stored = _STORED[params.dtype]
    integers = add_constant(model, f"{name}::{params.dtype}", constant.values.astype(stored))
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
        node = nodes.get(edge.consumer)
        source = node.inputs[edge.index] if node and edge.index < len(node.inputs) else None
        if node is None or source is None or id(source) not in names:
            raise PlanRefused(
                f"the plan requantizes input {edge.index} of {edge.consumer}, "
                "which the graph has not or does not quantize"
            )
        name = requantized_integers_of(names[id(source)], edge.consumer, edge.index)
        scale, zero_point = _parameters(model, name, params)
        nodes_between = rounding_pair(source, scale, zero_point, name)
        seen = nodes_between[-1].outputs[0]
        seen.name = f"{name}::dequantized"
        node.replace_input_with(edge.index, seen)
        model.graph.extend(nodes_between)


def _parameters(model: ir.Model, name: str, params: QuantParams) -> Sequence[ir.Value]:
    scale = add_constant(model, f"{name}::scale", params.scale.astype(np.float32))
    zero_point = params.zero_point.astype(_STORED[params.dtype])
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
