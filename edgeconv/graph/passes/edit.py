"""Small edits of an onnx_ir graph that several passes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import shape_of


def add_constant(model: ir.Model, name: str, array: NDArray[Any]) -> ir.Value:
    """Registers an array as an initializer under a name that is still free."""
    free = name
    number = 1
    while free in model.graph.initializers:
        number += 1
        free = f"{name}::{number}"
    tensor = ir.Tensor(np.asarray(array, order="C"), name=free)
    value = ir.Value(
        name=free, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
    )
    model.graph.register_initializer(value)
    return value


def make_node(
    op_type: str,
    inputs: Sequence[ir.Value | None],
    *,
    name: str,
    shape: Sequence[int],
    dtype: ir.DataType = ir.DataType.FLOAT,
    attributes: Mapping[str, Any] | None = None,
) -> ir.Node:
    """A node with one output of known shape and type, not yet in a graph."""
    attrs = [ir.convenience.convert_attribute(k, v) for k, v in (attributes or {}).items()]
    node = ir.Node("", op_type, inputs, attrs, name=name)
    output = node.outputs[0]
    output.name = f"{name}::out"
    output.shape = ir.Shape(shape)
    output.type = ir.TensorType(dtype)
    return node


def substitute(model: ir.Model, old: ir.Value, new: ir.Value) -> None:
    """Makes every reader of `old`, the graph's outputs included, read `new` instead."""
    graph = model.graph
    if old.is_graph_output():
        new.name, old.name = old.name, f"{old.name}::old"
        for index, output in enumerate(graph.outputs):
            if output is old:
                graph.outputs[index] = new
    old.replace_all_uses_with(new)


def replace_chain(
    model: ir.Model,
    nodes: Sequence[ir.Node],
    op_type: str,
    source: ir.Value | None,
    **attributes: Any,
) -> None:
    """Puts one operator that reads `source` in the place of a chain of nodes.

    It has the name of the last node's place in the net, and the shape of its output.
    """
    first, last = nodes[0], nodes[-1]
    stem = (last.name or "").rpartition("/")[0]
    node = make_node(
        op_type,
        [source],
        name=f"{stem}/{op_type}",
        shape=shape_of(last.outputs[0]),
        attributes=attributes,
    )
    model.graph.insert_before(first, node)
    substitute(model, last.outputs[0], node.outputs[0])
    for gone in reversed(nodes):
        model.graph.remove(gone, safe=True)


def remove(model: ir.Model, node: ir.Node) -> None:
    """Takes a node nobody reads out of the graph."""
    model.graph.remove(node, safe=True)
