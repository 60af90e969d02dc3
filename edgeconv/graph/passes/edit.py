"""Small edits of an onnx_ir graph that several passes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import place_of, set_place, shape_of


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


def make_reshape(
    model: ir.Model, source: ir.Value, *, name: str, shape: tuple[int, ...]
) -> ir.Node:
    """A Reshape to a constant shape, not yet in a graph."""
    target = add_constant(model, f"{name}::shape", np.array(shape, np.int64))
    return make_node("Reshape", [source, target], name=name, shape=shape)


def make_channel_scale(
    model: ir.Model,
    source: ir.Value,
    factor: NDArray[np.float64],
    offset: NDArray[np.float64],
    *,
    name: str,
    constants: str,
) -> ir.Node:
    """A depthwise 1 x 1 Conv, one factor and one offset a channel, not yet in a graph.

    Args:
        model: gets the constants.
        source: (N, C, H, W).
        factor, offset: (C,) each; rounded to float32.
        name: of the node.
        constants: what the names of its constants begin with.
    """
    weight = factor.reshape(-1, 1, 1, 1).astype(np.float32)
    inputs = [
        source,
        add_constant(model, f"{constants}weight", weight),
        add_constant(model, f"{constants}bias", offset.astype(np.float32)),
    ]
    attributes = {
        "kernel_shape": [1, 1],
        "strides": [1, 1],
        "pads": [0, 0, 0, 0],
        "dilations": [1, 1],
        "group": len(factor),
    }
    return make_node("Conv", inputs, name=name, shape=shape_of(source), attributes=attributes)


def replace_node(model: ir.Model, node: ir.Node, *nodes: ir.Node) -> None:
    """Puts nodes in a node's place; the last one's output is read instead of its.

    They come from the same line of the net's code.
    """
    for each in nodes:
        set_place(each, place_of(node))
    model.graph.insert_before(node, nodes)
    substitute(model, node.outputs[0], nodes[-1].outputs[0])
    model.graph.remove(node, safe=True)


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
    set_place(node, place_of(last))
    model.graph.insert_before(first, node)
    substitute(model, last.outputs[0], node.outputs[0])
    for gone in reversed(nodes):
        model.graph.remove(gone, safe=True)
