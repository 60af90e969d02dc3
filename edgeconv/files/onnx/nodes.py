"""What the nodes of any ONNX file are: hub operators, and those only other tools' files hold."""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.files.onnx.foreign import FOREIGN, ForeignOperator, IntegerWeights
from edgeconv.graph.operators.operator import Kind, Weights
from edgeconv.graph.operators.table import operator_named
from edgeconv.graph.view import integer


def foreign(node: ir.Node) -> ForeignOperator:
    """The row of an operator that hub graphs do not hold; of any other, one that claims nothing."""
    return FOREIGN.get(node.op_type) or ForeignOperator(node.op_type, "unknown")


def kind_of(node: ir.Node) -> Kind:
    """What a node does, broadly, whichever table has its operator."""
    if node.op_type in FOREIGN:
        return FOREIGN[node.op_type].kind
    row = operator_named(node.op_type)
    if row.kind == "pool" and row.window is None:
        return "reduction"  # over the whole image
    if node.op_type == "BatchNormalization":
        return "arithmetic"  # by constants
    return row.kind


def weights_slots(node: ir.Node) -> Weights | IntegerWeights | None:
    """Where a layer has its weights, real ones or integers; None for what is no layer."""
    return foreign(node).weights or operator_named(node.op_type).weights


def output_axis(node: ir.Node, rank: int) -> int:
    """Axis of the output channels in the weights of a layer, whose weights have `rank` axes."""
    slots = weights_slots(node)
    axis = 0 if slots is None else slots.output_axis
    if axis == "depends":
        axis = 0 if integer(node, "transB", 0) else 1
    return min(axis % rank if axis < 0 else axis, rank - 1)


def is_view(node: ir.Node | None) -> bool:
    """Whether a node gives the memory it reads another shape, and touches none of it."""
    return node is not None and kind_of(node) in ("view", "identity")


def is_clamp(node: ir.Node) -> bool:
    """Whether a node only limits values to an interval."""
    return node.op_type in ("Relu", "Clip")


def is_dequantized(value: ir.Value | None) -> bool:
    """Whether a value is what a DequantizeLinear makes of integers."""
    producer = None if value is None else value.producer()
    return producer is not None and producer.op_type == "DequantizeLinear"
