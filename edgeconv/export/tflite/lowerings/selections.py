"""The largest and smallest values, their places, and vectors that show a place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import Layout, Step, plain
from edgeconv.export.tflite.program import constant
from edgeconv.export.tflite.schema import schema
from edgeconv.export.tflite.types import in_file, type_in_file
from edgeconv.graph.view import input_of, integer, keeps_axes, require_constant, shape_of


def extreme_place(code: str, make_options: Any) -> Lowering:
    """ArgMax, ArgMin -> ARG_MAX, ARG_MIN along one axis, which goes; a RESHAPE keeps it.

    Of equal values the first. What is quantized is compared as it is: the order is the same.
    """

    def lower(node: ir.Node, b: Builder) -> None:
        if integer(node, "select_last_index", 0):
            raise CannotLower("asks for the last of equal values; TFLite gives the first")
        layout = Layout(b.layout(node).order)
        axis = integer(node, "axis", 0) % len(layout.order)
        where = b.ints(f"{node.name}/axis", np.array(layout.file_axis(axis)))
        options = make_options(outputType=schema.TensorType.INT32)
        x = b.stored(node, 0, layout)
        if not keeps_axes(node):
            remaining = [each for each in layout.order if each != axis]
            left = Layout(tuple(sorted(remaining).index(each) for each in remaining))
            b.write(node, code, [x, where], left, options)
            return
        shape = layout.file_shape(shape_of(node.outputs[0]))
        found = tuple(size for i, size in enumerate(shape) if i != layout.file_axis(axis))
        place = b.step(node, "place", code, [x, where], found, options=options, like=where)
        b.write_moved(node, place, [Step(shape)], layout)

    return lower


def top_k(node: ir.Node, b: Builder) -> None:
    """TopK -> TOPK_V2, the largest first, along the last axis of the file; int8: one scale.

    `graph.passes.largest` makes the largest of the smallest. Of equal values the first ones.
    """
    order = b.layout(node).order
    axis = integer(node, "axis", -1) % len(order)
    layout = Layout((*(each for each in order if each != axis), axis))
    count = b.ints(f"{node.name}/count", np.array(int(require_constant(node, 1).item())))
    x = b.read(node, 0, layout)
    b.write(node, "TOPK_V2", [x, count], layout, schema.TopKV2OptionsT())


def one_hot(node: ir.Node, b: Builder) -> None:
    """OneHot of a constant depth and constant values -> ONE_HOT, in the hub's own order."""
    depth, values = require_constant(node, 1), require_constant(node, 2)
    off, on = in_file(f"{node.name}/values", values.reshape(-1))
    if on.dtype != type_in_file(node.outputs[0]):
        raise CannotLower(f"gives {node.outputs[0].dtype} of {values.dtype}")
    rank = len(shape_of(input_of(node)))
    axis = integer(node, "axis", -1) % (rank + 1)
    inputs = [
        b.read(node, 0, plain(rank)),
        b.ints(f"{node.name}/depth", np.array(int(depth.item()))),
        constant(b.unique(f"{node.name}/on"), np.asarray(on)),
        constant(b.unique(f"{node.name}/off"), np.asarray(off)),
    ]
    b.write(node, "ONE_HOT", inputs, plain(rank + 1), schema.OneHotOptionsT(axis=axis))


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "ArgMax": extreme_place("ARG_MAX", schema.ArgMaxOptionsT),
        "ArgMin": extreme_place("ARG_MIN", schema.ArgMinOptionsT),
        "OneHot": one_hot,
        "TopK": top_k,
    }
)
