"""Reductions along axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, Lowering
from edgeconv.export.tflite.layout import Layout
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.view import constant_of, input_of, integer, ints, shape_of

#: Kernels that compare integers as they are.
_COMPARING = frozenset({"REDUCE_MAX", "REDUCE_MIN"})


def global_average_pool(node: ir.Node, b: Builder) -> None:
    """GlobalAveragePool -> MEAN over all spatial axes.

    MEAN takes any axes and, under int8, an output on a scale of its own.
    """
    _reduce(node, b, "MEAN", range(2, _rank(node)), keep=True)


def global_max_pool(node: ir.Node, b: Builder) -> None:
    """GlobalMaxPool -> REDUCE_MAX over all spatial axes; int8: input and output on one scale."""
    _reduce(node, b, "REDUCE_MAX", range(2, _rank(node)), keep=True)


def reduce_mean(node: ir.Node, b: Builder) -> None:
    """ReduceMean -> MEAN."""
    _reduce(node, b, "MEAN", _axes(node), keep=_keeps(node))


def reduce_max(node: ir.Node, b: Builder) -> None:
    """ReduceMax -> REDUCE_MAX; int8: input and output on one scale."""
    _reduce(node, b, "REDUCE_MAX", _axes(node), keep=_keeps(node))


def reduce_min(node: ir.Node, b: Builder) -> None:
    """ReduceMin -> REDUCE_MIN; int8: input and output on one scale."""
    _reduce(node, b, "REDUCE_MIN", _axes(node), keep=_keeps(node))


def reduce_sum(node: ir.Node, b: Builder) -> None:
    """ReduceSum -> SUM; float only."""
    _reduce(node, b, "SUM", _axes(node), keep=_keeps(node))


def reduce_l2(node: ir.Node, b: Builder) -> None:
    """ReduceL2 -> MUL by itself, SUM, SQRT; float only."""
    axes, keep = _axes(node), _keeps(node)
    layout, where, left = _along(node, b, axes, keep=keep)
    x = b.read(node, 0, layout)
    squares = b.step(node, "squares", "MUL", [x, x], x.shape, options=schema.MulOptionsT())
    shape = left.file_shape(shape_of(node.outputs[0]))
    options = schema.ReducerOptionsT(keepDims=keep)
    total = b.step(node, "sum", "SUM", [squares, where], shape, options=options)
    b.write(node, "SQRT", [total], left)


def _reduce(node: ir.Node, b: Builder, code: str, axes: Sequence[int], *, keep: bool) -> None:
    """Writes a reduction."""
    layout, where, left = _along(node, b, axes, keep=keep)
    x = b.read(node, 0, layout)
    if code in _COMPARING:
        x = b.at_output_scale(node, x)
    b.write(node, code, [x, where], left, schema.ReducerOptionsT(keepDims=keep))


def _along(
    node: ir.Node, b: Builder, axes: Sequence[int], *, keep: bool
) -> tuple[Layout, Tensor, Layout]:
    """The input's layout, the file's axes that go, and the result's layout.

    The axes that remain keep their order in the file.
    """
    layout = Layout(b.layout(node).order)
    gone = {axis % len(layout.order) for axis in axes}
    where = b.ints(f"{node.name}/axes", sorted(layout.file_axis(axis) for axis in gone))
    remaining = [axis for axis in layout.order if axis not in gone]
    left = layout if keep else Layout(tuple(sorted(remaining).index(axis) for axis in remaining))
    return layout, where, left


def _rank(node: ir.Node) -> int:
    return len(shape_of(input_of(node)))


def _axes(node: ir.Node) -> Sequence[int]:
    """The axes, an attribute or (ReduceSum) an input; none named means all."""
    given = constant_of(node.inputs[1]) if len(node.inputs) > 1 else None
    everything = range(_rank(node))
    return ints(node, "axes", everything) if given is None else [int(axis) for axis in given]


def _keeps(node: ir.Node) -> bool:
    return integer(node, "keepdims", 1) == 1


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "GlobalAveragePool": global_average_pool,
        "GlobalMaxPool": global_max_pool,
        "ReduceL2": reduce_l2,
        "ReduceMax": reduce_max,
        "ReduceMean": reduce_mean,
        "ReduceMin": reduce_min,
        "ReduceSum": reduce_sum,
    }
)
