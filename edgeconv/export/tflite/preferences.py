"""In which order the readers of a tensor would have it, as far as the graph tells.

An operator that can write its result in several orders at the same cost (a product either way
round) looks ahead, so that nothing behind it has to be transposed.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from edgeconv.graph.view import activation_inputs, ints, shape_of

#: How channels flow through what takes a tensor in any order of its axes.
_IN_ANY_ORDER = ("alike", "apart", "paired", "taken", "mixed")


def transposes_behind(value: ir.Value, layout: Layout) -> int:
    """TRANSPOSEs between a tensor that lies in a layout and what computes with it next.

    Behind operators that read one tensor and take any order it is looked on, behind others not.
    """
    shape = shape_of(value)
    if value.is_graph_output():
        return transposes(steps(shape, layout, shape, standard(len(shape))))
    return sum(_for_reader(node, shape, layout) for node in {use.node for use in value.uses()})


def _for_reader(node: ir.Node, shape: Sequence[int], layout: Layout) -> int:
    operator, rank = operator_of(node), len(shape)
    if operator.kind == "transpose":
        perm = ints(node, "perm", tuple(reversed(range(rank))))
        return transposes_behind(node.outputs[0], layout.permuted(perm))
    if operator.kind == "view":
        return _for_view(node, tuple(shape), layout)
    if operator.kind in ("convolution", "pool", "resize") and rank == 4:
        return transposes(steps(tuple(shape), layout, tuple(shape), NHWC))
    if operator.kind == "product":
        return _for_product(node, layout)
    if len(activation_inputs(node)) == 1 and operator.channels in _IN_ANY_ORDER:
        outputs = [value for value in node.outputs if value.name]
        if all(len(shape_of(value)) == rank for value in outputs):
            return sum(transposes_behind(value, layout) for value in outputs)
    return 0


def _for_view(node: ir.Node, shape: tuple[int, ...], layout: Layout) -> int:
    result = node.outputs[0]
    new_shape = shape_of(result)
    is_end = result.is_graph_output()
    new_layout = standard(len(new_shape)) if is_end else reshaped(shape, layout, new_shape)
    here = transposes(steps(shape, layout, new_shape, new_layout))
    return here if is_end else here + transposes_behind(result, new_layout)


def _for_product(node: ir.Node, layout: Layout) -> int:
    """One where a layer's features, or a matrix's two axes, do not come last."""
    rank = len(layout.order)
    if len(activation_inputs(node)) == 1:
        return int(layout.order[-1] != plain(rank).order[-1])
    return int(set(layout.order[-2:]) != {rank - 2, rank - 1})
