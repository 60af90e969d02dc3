"""Reductions along axes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, Lowering
from edgeconv.export.tflite.layout import Layout
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.view import (
    keeps_axes,
    reduced_axes,
    shape_of,
)


def reduction(code: str) -> Lowering:
    """Reductions and pools over the whole image -> MEAN, SUM, REDUCE_MAX or REDUCE_MIN.

    int8: MEAN's output is on a scale of its own; the last two compare integers as they are, input
    and output are on one scale; no SUM.
    """

    def lower(node: ir.Node, b: Builder) -> None:
        layout, where, left = _along(node, b)
        x = b.read(node, 0, layout)
        if code in ("REDUCE_MAX", "REDUCE_MIN"):
            x = b.at_output_scale(node, x)
        options = schema.ReducerOptionsT(keepDims=keeps_axes(node))
        b.write(node, code, [x, where], left, options)

    return lower


def reduce_l2(node: ir.Node, b: Builder) -> None:
    """ReduceL2 -> MUL by itself, SUM, SQRT; float only."""
    layout, where, left = _along(node, b)
    x = b.read(node, 0, layout)
    squares = b.step(node, "squares", "MUL", [x, x], x.shape, options=schema.MulOptionsT())
    shape = left.file_shape(shape_of(node.outputs[0]))
    options = schema.ReducerOptionsT(keepDims=keeps_axes(node))
    total = b.step(node, "sum", "SUM", [squares, where], shape, options=options)
    b.write(node, "SQRT", [total], left)


def _along(node: ir.Node, b: Builder) -> tuple[Layout, Tensor, Layout]:
    """The input's layout, the file's axes that go, and the result's layout.

    The axes that remain keep their order in the file.
    """
    layout = Layout(b.layout(node).order)
    gone = set(reduced_axes(node))
    where = b.ints(f"{node.name}/axes", sorted(layout.file_axis(axis) for axis in gone))
    remaining = [axis for axis in layout.order if axis not in gone]
    if keeps_axes(node):
        return layout, where, layout
    return layout, where, Layout(tuple(sorted(remaining).index(axis) for axis in remaining))


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "GlobalAveragePool": reduction("MEAN"),
        "GlobalMaxPool": reduction("REDUCE_MAX"),
        "ReduceL2": reduce_l2,
        "ReduceMax": reduction("REDUCE_MAX"),
        "ReduceMean": reduction("MEAN"),
        "ReduceMin": reduction("REDUCE_MIN"),
        "ReduceSum": reduction("SUM"),
    }
)
