"""Operators that only rename, regroup or reorder axes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, Lowering
from edgeconv.export.tflite.layout import (
    Layout,
    Step,
    plain,
    reshaped,
    standard,
    steps,
    transposes,
)
from edgeconv.export.tflite.preferences import transposes_behind
from edgeconv.graph.view import input_of, ints, shape_of


def reshape(node: ir.Node, b: Builder) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze -> one RESHAPE wherever the file's order allows it.

    `layout.reshaped` chooses the layout of the result; only where none is free do TRANSPOSEs join.
    int8: input and output on one scale.
    """
    value, result = input_of(node), node.outputs[0]
    shape, new_shape, layout = shape_of(value), shape_of(result), b.layout(node)
    if result.is_graph_output():
        new_layout = standard(len(new_shape))
    else:
        new_layout = reshaped(shape, layout, new_shape)
    moves = steps(shape, layout, new_shape, new_layout)
    new_file_shape = new_layout.file_shape(new_shape)
    b.write_moved(node, b.read(node), moves or [Step(new_file_shape)], new_layout)


def transpose(node: ir.Node, b: Builder) -> None:
    """Transpose -> nothing: the tensor stays as it is and its axes change names.

    Whoever reads it in another order has it transposed then, once. One TRANSPOSE is written here
    where that saves some behind: of queries, keys and values before they are taken apart. int8: one
    scale.
    """
    result = node.outputs[0]
    shape = shape_of(result)
    reverse = tuple(reversed(range(len(shape))))
    present = Layout(b.layout(node).order)
    layout = present.permuted(ints(node, "perm", reverse))
    moves: list[Step] = []
    usual = standard(len(shape)) if result.is_graph_output() else plain(len(shape))
    here = steps(shape, layout, shape, usual)
    saved = transposes_behind(result, layout) - transposes_behind(result, usual)
    if result.is_graph_output() or transposes(here) < saved:
        moves, layout = here, usual
    b.write_moved(node, b.read(node, 0, present), moves, layout)


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "Flatten": reshape,
        "Reshape": reshape,
        "Squeeze": reshape,
        "Transpose": transpose,
        "Unsqueeze": reshape,
    }
)
