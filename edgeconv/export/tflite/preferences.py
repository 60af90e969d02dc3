"""In which order the readers of a tensor would have it, as far as the graph tells.

An operator that can write its result in several orders at the same cost (a product either way
round) looks ahead, so that nothing behind it has to be transposed.
"""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.export.tflite.layout import (
    NHWC,
    Layout,
    plain,
    reshaped,
    standard,
    steps,
    transposes,
)
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import activation_inputs, input_of, ints, shape_of

#: How many tensors are looked at: enough for some ten blocks of a stream.
_MOST_VALUES = 200
#: How channels flow through what takes a tensor in any order of its axes.
_IN_ANY_ORDER = ("alike", "apart", "paired", "taken", "mixed")


def transposes_behind(value: ir.Value, layout: Layout) -> int:
    """TRANSPOSEs between a tensor that lies in a layout and what computes with it next.

    Behind operators that take any order it is looked on, behind others not: of two tensors the
    result lies as the first one does, so a sum that layer after layer adds to is one stream.
    """
    return _behind(value, layout, set())


def before_cutting(node: ir.Node, layout: Layout) -> Layout:
    """The layout to cut a tensor into parts in: another where one TRANSPOSE saves several behind.

    Queries, keys and values of a layer that are cut apart first, and turned each by itself.

    Args:
        node: gives the parts.
        layout: how what it reads lies.
    """
    shape = shape_of(input_of(node))
    readers = [use.node for value in node.outputs for use in value.uses()]
    turns = [turn for turn in readers if operator_of(turn).kind == "transpose"]
    wanted = [Layout(ints(turn, "perm", tuple(reversed(range(len(shape)))))) for turn in turns]

    def needed(other: Layout) -> int:
        parts = [value for value in node.outputs if value.name]
        here = transposes(steps(shape, layout, shape, other))
        return here + sum(transposes_behind(value, other) for value in parts)

    return min(dict.fromkeys([layout, *wanted]), key=needed)


def _behind(value: ir.Value, layout: Layout, seen: set[ir.Value]) -> int:
    """The same, but for what was `seen` already on another way."""
    if value in seen or len(seen) == _MOST_VALUES:
        return 0
    seen.add(value)
    shape = shape_of(value)
    if value.is_graph_output():
        return transposes(steps(shape, layout, shape, standard(len(shape))))
    readers = dict.fromkeys(use.node for use in value.uses())
    return sum(_for_reader(node, value, layout, seen) for node in readers)


def _for_reader(node: ir.Node, value: ir.Value, layout: Layout, seen: set[ir.Value]) -> int:
    operator, shape = operator_of(node), shape_of(value)
    rank = len(shape)
    if operator.kind == "transpose":
        perm = ints(node, "perm", tuple(reversed(range(rank))))
        return _behind(node.outputs[0], layout.permuted(perm), seen)
    if operator.kind == "view":
        return _for_view(node, shape, layout, seen)
    if operator.kind in ("convolution", "pool", "resize") and rank == 4:
        return transposes(steps(shape, layout, shape, NHWC))
    if operator.kind == "product":
        return _for_product(node, layout)
    if _leads(node, value) and operator.channels in _IN_ANY_ORDER:
        outputs = [output for output in node.outputs if output.name]
        if all(len(shape_of(output)) == rank for output in outputs):
            return sum(_behind(output, layout, seen) for output in outputs)
    return 0


def _leads(node: ir.Node, value: ir.Value) -> bool:
    """Whether the node's results lie as the value does: the first that is computed and as long."""
    read = [each for _, each in activation_inputs(node)]
    whole = [each for each in read if len(shape_of(each)) == len(shape_of(value))]
    return read == [value] or (len(read) == 2 and bool(whole) and whole[0] is value)


def _for_view(node: ir.Node, shape: tuple[int, ...], layout: Layout, seen: set[ir.Value]) -> int:
    result = node.outputs[0]
    new_shape = shape_of(result)
    is_end = result.is_graph_output()
    new_layout = standard(len(new_shape)) if is_end else reshaped(shape, layout, new_shape)
    here = transposes(steps(shape, layout, new_shape, new_layout))
    return here if is_end else here + _behind(result, new_layout, seen)


def _for_product(node: ir.Node, layout: Layout) -> int:
    """One where a layer's features, or a matrix's two axes, do not come last."""
    rank = len(layout.order)
    if len(activation_inputs(node)) == 1:
        return int(layout.order[-1] != plain(rank).order[-1])
    return int(set(layout.order[-2:]) != {rank - 2, rank - 1})
