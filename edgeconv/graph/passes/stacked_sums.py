"""Sums over tensors that were stacked for it become additions.

    a (N, C, H, W) -> Reshape (N, C, H, W, 1) ─┐
                                               ├─ Concat ── ReduceSum over the last axis
    b (N, C, H, W) -> Reshape (N, C, H, W, 1) ─┘

    ->  a + b

Feature pyramids fuse their maps like that. The stack is a copy of both, and int8 has no sum.
"""

from __future__ import annotations

from functools import reduce

import onnx_ir as ir

from edgeconv.graph.passes.edit import make_node, make_reshape, replace_node
from edgeconv.graph.view import input_of, integer, reduced_axes, shape_of, sole_consumer

#: More summands than these stay a sum.
_MOST = 8


def add_stacked(model: ir.Model) -> None:
    """Adds up the parts of every concatenation along an axis where each has a single place."""
    for node in tuple(model.graph):
        parts = _stacked(node) if node.op_type == "ReduceSum" else []
        if 2 <= len(parts) <= _MOST:
            _add(model, node, parts)


def _stacked(node: ir.Node) -> list[ir.Value]:
    """What a sum adds up place by place; nothing where it does not."""
    source = input_of(node)
    concat = source.producer()
    if concat is None or concat.op_type != "Concat" or sole_consumer(source) is None:
        return []
    axis = integer(concat, "axis", 0) % len(shape_of(source))
    values = [value for value in concat.inputs if value is not None]
    is_stack = all(shape_of(value)[axis] == 1 for value in values)
    return values if is_stack and list(reduced_axes(node)) == [axis] else []


def _add(model: ir.Model, node: ir.Node, parts: list[ir.Value]) -> None:
    before, shape = shape_of(parts[0]), shape_of(node.outputs[0])
    added: list[ir.Node] = []

    def plus(one: ir.Value, other: ir.Value) -> ir.Value:
        name = f"{node.name}/add_{len(added)}"
        added.append(make_node("Add", [one, other], name=name, shape=before))
        return added[-1].outputs[0]

    total = reduce(plus, parts)
    replace_node(
        model, node, *added, make_reshape(model, total, name=f"{node.name}/flat", shape=shape)
    )
