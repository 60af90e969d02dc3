"""Reductions along axes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, Lowering
from edgeconv.export.tflite.layout import Layout
from edgeconv.export.tflite.lowerings.composition import Composition
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.view import (
    keeps_axes,
    reduced_axes,
    shape_of,
)


def reduction(code: str) -> Lowering:
    """Reductions and pools over the whole image -> MEAN, SUM, REDUCE_MAX, _MIN or _PROD.

    int8: MEAN's output is on a scale of its own; the last two compare integers as they are, input
    and output are on one scale; no SUM nor REDUCE_PROD.
    """

    def lower(node: ir.Node, b: Builder) -> None:
        layout, where, left = _along(node, b)
        x = b.read(node, 0, layout)
        if code in ("REDUCE_MAX", "REDUCE_MIN"):
            x = b.at_output_scale(node, x)
        options = schema.ReducerOptionsT(keepDims=keeps_axes(node))
        b.write(node, code, [x, where], left, options)

    return lower


def of_terms(term: str | None, total: str = "SUM", *, last: str | None = None) -> Lowering:
    """ReduceL1, ReduceL2 and the like -> an operator on each value, SUM, one on the sums.

    `term` is ABS, EXP, or MUL for a product of each value with itself; float only.
    """

    def lower(node: ir.Node, b: Builder) -> None:
        layout, where, left = _along(node, b)
        c = Composition(node, b, left)
        x = b.read(node, 0, layout)
        if term is not None:
            x = c.step("terms", term, *([x, x] if term == "MUL" else [x]))
        if last is None:
            c.write_reduced(total, x, where, keeps_axes=keeps_axes(node))
        else:
            c.write(last, c.reduce("sum", total, x, where, left.file_shape(_shape(node))))

    return lower


def log_sum_exp(node: ir.Node, b: Builder) -> None:
    """ReduceLogSumExp -> m + log(sum(exp(x - m))), m the largest, so that nothing overflows.

    REDUCE_MAX, SUB, EXP, SUM, LOG, ADD; float only.
    """
    layout, where, left = _along(node, b)
    c = Composition(node, b, left)
    x = b.read(node, 0, layout)
    axes = where.data if where.data is not None else ()
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    largest = c.reduce("largest", "REDUCE_MAX", x, where, kept)
    terms = c.step("terms", "EXP", c.step("below", "SUB", x, largest))
    shape = left.file_shape(_shape(node))
    total = c.reduce("sum", "SUM", terms, where, shape)
    if shape != kept:
        largest = b.reshaped(node, "largest", largest, shape)
    c.write("ADD", c.step("log", "LOG", total), largest)


def _shape(node: ir.Node) -> tuple[int, ...]:
    return shape_of(node.outputs[0])


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
        "ReduceL1": of_terms("ABS"),
        "ReduceL2": of_terms("MUL", last="SQRT"),
        "ReduceLogSum": of_terms(None, last="LOG"),
        "ReduceLogSumExp": log_sum_exp,
        "ReduceMax": reduction("REDUCE_MAX"),
        "ReduceMean": reduction("MEAN"),
        "ReduceMin": reduction("REDUCE_MIN"),
        "ReduceProd": reduction("REDUCE_PROD"),
        "ReduceSum": reduction("SUM"),
        "ReduceSumSquare": of_terms("MUL"),
    }
)
