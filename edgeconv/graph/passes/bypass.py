"""Takes out operators that hand on what they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx_ir as ir

from edgeconv.graph.fusion import clip_bounds
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import substitute
from edgeconv.graph.view import constant_of, input_of, ints, shape_of, slices_of


def bypass_no_ops(model: ir.Model) -> None:
    """Connects the readers of an operator that changes nothing to what it reads.

    The operator stays where it stands between two of the graph's own inputs and outputs, for each
    of those needs a name of its own.
    """
    for node in tuple(model.graph):
        changes_nothing = _RULES.get(node.op_type)
        if changes_nothing is None or not changes_nothing(node):
            continue
        source, output = input_of(node), node.outputs[0]
        if output.is_graph_output() and (source.is_graph_input() or source.is_graph_output()):
            continue
        substitute(model, output, source)
        model.graph.remove(node, safe=True)


def _always(node: ir.Node) -> bool:  # noqa: ARG001
    return True


def _same_shape(node: ir.Node) -> bool:
    source = node.inputs[0]
    return source is not None and shape_of(source) == shape_of(node.outputs[0])


def _is_spread_anyway(node: ir.Node) -> bool:
    """Whether every reader of an Expand broadcasts to the same shape without it."""
    source, output = node.inputs[0], node.outputs[0]
    if source is None or output.is_graph_output():
        return _same_shape(node)
    return _same_shape(node) or all(
        operator_of(use.node).broadcasts and _broadcasts(use.node, use.idx, source)
        for use in output.uses()
    )


def _broadcasts(reader: ir.Node, index: int, source: ir.Value) -> bool:
    """Whether a reader's result keeps its shape with another value at one of its two inputs."""
    if len(reader.inputs) != 2:
        return False
    expanded, other = reader.inputs[index], reader.inputs[1 - index]
    if other is None or other is expanded:
        return False
    result = np.broadcast_shapes(shape_of(source), shape_of(other))
    return result == shape_of(reader.outputs[0])


def _same_order(node: ir.Node) -> bool:
    rank = len(shape_of(node.outputs[0]))
    order = ints(node, "perm", tuple(range(rank))[::-1])
    # Moving axes of length one moves no value, but changes the shape unless they stay in place.
    return order == tuple(range(rank))


def _same_type(node: ir.Node) -> bool:
    source = node.inputs[0]
    return source is not None and source.dtype == node.outputs[0].dtype


def _no_padding(node: ir.Node) -> bool:
    pads = constant_of(node.inputs[1])
    return pads is not None and not np.any(pads)


def _takes_all(node: ir.Node) -> bool:
    if any(constant_of(value) is None for value in node.inputs[1:] if value is not None):
        return False
    return _same_shape(node) and all((taken.step or 1) > 0 for taken in slices_of(node))


def _single(node: ir.Node) -> bool:
    return len(node.inputs) == 1


def _no_clip(node: ir.Node) -> bool:
    return clip_bounds(node) == (-np.inf, np.inf)


def _not_training(node: ir.Node) -> bool:
    training = len(node.inputs) > 2 and node.inputs[2] is not None
    return not training or not np.any(constant_of(node.inputs[2]))


_RULES: Mapping[str, Callable[[ir.Node], bool]] = {
    "Identity": _always,
    "Dropout": _not_training,
    "Cast": _same_type,
    "Clip": _no_clip,
    "Concat": _single,
    "Expand": _is_spread_anyway,
    "Flatten": _same_shape,
    "Pad": _no_padding,
    "Reshape": _same_shape,
    "Slice": _takes_all,
    "Squeeze": _same_shape,
    "Transpose": _same_order,
    "Unsqueeze": _same_shape,
}
