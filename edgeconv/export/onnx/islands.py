"""How an operator in float reads integers: spelled out, so that no optimizer takes it for int8.

onnxruntime sees a float Conv or Gemm between a DequantizeLinear and a QuantizeLinear as one that
somebody forgot to quantize: `WeightBiasQuantization` (since 1.21, by default) rounds its weights to
int8 with a single scale and its bias to int32, and an int8 kernel takes its place. An operator
without weights becomes its int8 kernel, too. So what an island reads is computed without a
DequantizeLinear, to the same bits:

    NAME::int8 -> Cast -> Sub the zero point -> Mul by the scale -> the island
"""

from __future__ import annotations

from collections.abc import Set

import numpy as np
import onnx_ir as ir

from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.qdq_names import widened
from edgeconv.graph.view import input_of, name_of, producer_of, require_constant


def spell_out(model: ir.Model, islands: Set[str]) -> None:
    """Gives islands the reals of integers without a DequantizeLinear.

    Args:
        model: with its quantize and dequantize nodes; changed in place.
        islands: names of the nodes in float.
    """
    pairs = [node for node in model.graph if node.op_type == "DequantizeLinear"]
    for value in [node.outputs[0] for node in pairs if not _is_constant(node)]:
        uses = [use for use in value.uses() if use.node.name in islands]
        if not uses:
            continue
        reals = _reals(model, value)
        for use in uses:
            use.node.replace_input_with(use.idx, reals)
        dequantize = value.producer()
        if dequantize is not None and not value.uses() and not value.is_graph_output():
            reals.name, value.name = value.name, f"{value.name}::unread"
            model.graph.remove(dequantize, safe=True)
    model.graph.sort()


def _is_constant(dequantize: ir.Node) -> bool:
    integers = dequantize.inputs[0]
    return integers is not None and integers.is_initializer()


def _reals(model: ir.Model, value: ir.Value) -> ir.Value:
    """The values of a DequantizeLinear's output, computed from its inputs by other operators."""
    dequantize, name = producer_of(value), name_of(value)
    integers, scale = input_of(dequantize, 0), input_of(dequantize, 1)
    zero_point = require_constant(dequantize, 2).astype(np.float32)
    to = ir.AttrInt64("to", ir.DataType.FLOAT.value)
    nodes = [ir.Node("", "Cast", [integers], [to], name=f"{name}::cast")]
    if zero_point.any():
        shift = add_constant(model, f"{name}::shift", zero_point)
        nodes.append(ir.Node("", "Sub", [nodes[-1].outputs[0], shift], name=f"{name}::shifted"))
    nodes.append(ir.Node("", "Mul", [nodes[-1].outputs[0], scale], name=widened(name)))
    for node in nodes:
        (output,) = node.outputs
        output.name, output.shape, output.type = node.name, value.shape, value.type
    model.graph.extend(nodes)
    nodes[-1].outputs[0].name = f"{name}::in_float"
    return nodes[-1].outputs[0]
