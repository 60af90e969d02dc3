"""A plan in float arithmetic: the hub graph with every tensor rounded to the plan's grids.

Constants hold the reals their integers stand for, and behind every planned activation stands a
QuantizeLinear and a DequantizeLinear. With graph optimizations off onnxruntime computes exactly
what it computes from the int8 ONNX file of the same plan; nothing is written.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.graph.fusion import writer_of
from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.view import name_of, set_constant
from edgeconv.quantize.plan.affine import dequantize
from edgeconv.quantize.plan.parameters import Plan, QuantParams

#: What the pairs store; opset 17 quantizes activations to no other type.
_INT8 = np.int8


def fake_quantized(model: ir.Model, plan: Plan) -> ir.Model:
    """A copy of the hub graph that rounds to the plan's grids; outputs keep their order.

    A tensor the plan has no parameters for stays as it is.
    """
    copy = model.clone()
    for name, constant in plan.constants.items():
        reals = dequantize(constant.values, constant.params)
        set_constant(copy, name, reals)
    values = {name_of(value): value for value in copy.graph.inputs}
    values.update((name_of(v), v) for node in copy.graph for v in node.outputs if v.name)
    nodes = {node.name: node for node in copy.graph}
    for name, params in plan.activations.items():
        _round_for_every_reader(copy, values[name], params, plan.islands)
    for edge, params in plan.requantize.items():
        node = nodes[edge.consumer]
        source = node.inputs[edge.index]
        if source is None:
            raise AssertionError(f"{edge.consumer} reads input {edge.index}")
        label = f"{edge.consumer}::{edge.index}"
        node.replace_input_with(edge.index, _rounded(copy, source, params, label))
    copy.graph.sort()
    return copy


def _round_for_every_reader(
    model: ir.Model, value: ir.Value, params: QuantParams, islands: frozenset[str]
) -> None:
    """What an island wrote, another reads as it is; all others read it rounded."""
    producer = value.producer()
    exact = islands if producer is not None and writer_of(producer).name in islands else frozenset()
    uses = tuple(use for use in value.uses() if use.node.name not in exact)
    seen = _rounded(model, value, params, name_of(value))
    for use in uses:
        use.node.replace_input_with(use.idx, seen)
    for index, output in enumerate(model.graph.outputs):
        if output is value:
            model.graph.outputs[index] = seen


def _rounded(model: ir.Model, value: ir.Value, params: QuantParams, label: str) -> ir.Value:
    """The value after a pair of nodes."""
    scale = add_constant(model, f"{label}::scale", params.scale)
    zero_point = add_constant(model, f"{label}::zero_point", params.zero_point.astype(_INT8))
    quantize = ir.Node("", "QuantizeLinear", [value, scale, zero_point], name=f"{label}::quantize")
    quantize.outputs[0].name = f"{label}::int8"
    dequantize_node = ir.Node(
        "", "DequantizeLinear", [quantize.outputs[0], scale, zero_point], name=f"{label}::rounded"
    )
    seen = dequantize_node.outputs[0]
    seen.name = f"{label}::rounded"
    seen.type, seen.shape = value.type, value.shape
    model.graph.extend([quantize, dequantize_node])
    return seen
