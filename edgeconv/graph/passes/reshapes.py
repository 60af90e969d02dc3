"""One form for operators that change only the shape: a Reshape to a constant shape."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant, substitute
from edgeconv.graph.view import input_of, integer, shape_of


def normalise_reshapes(model: ir.Model) -> None:
    """Makes Reshape of every Squeeze, Unsqueeze and Reshape, its shape spelled out without 0 or -1.

    A Flatten from the second axis on stays a Flatten, the usual step before a classifier; any other
    becomes a Reshape too, and so does what gives the net's input, or an output, a second time: each
    output is a tensor of its own.
    """
    for node in model.graph:
        if operator_of(node).kind != "view" and node.op_type != "Identity":
            continue
        if node.op_type == "Flatten" and integer(node, "axis", 1) == 1:
            continue
        shape = np.array(shape_of(node.outputs[0]), np.int64)
        constant = add_constant(model, f"{node.name}::shape", shape)
        node.op_type = "Reshape"
        node.attributes.clear()
        node.resize_inputs(2)
        node.replace_input_with(1, constant)


def drop_detours(model: ir.Model) -> None:
    """Takes out two Reshapes in a row, the second of which gives back what the first one read."""
    for second in tuple(model.graph):
        first = input_of(second).producer() if second.op_type == "Reshape" else None
        if first is None or first.op_type != "Reshape" or second.outputs[0].is_graph_output():
            continue
        source, detour = input_of(first), first.outputs[0]
        if shape_of(source) == shape_of(second.outputs[0]):
            substitute(model, second.outputs[0], source)
            model.graph.remove(second, safe=True)
            if not tuple(detour.uses()) and not detour.is_graph_output():
                model.graph.remove(first, safe=True)
