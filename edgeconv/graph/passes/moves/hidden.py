"""What a mask hides from a softmax is hidden by a number that every format can hold.

    softmax(x + {0, -inf})  ->  softmax(x + {0, -65504})
    softmax(where(mask, -1e9, x))  ->  the same

e to the power of what is that far below the largest value is 0 in float32, whatever was added, as
long as something in the row is not hidden; and infinity has no place on an integer grid, nor have
the float's lowest numbers, which overflow when something negative is added.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.moves.pieces import Pieces
from edgeconv.graph.view import constant_of, input_of, integer, ints, shape_of, sole_consumer

#: The lowest number of half precision.
_LOWEST = -65504.0
#: What is as low as this hides, whoever writes it.
_HIDES = -1e4


def hide_finitely(model: ir.Model) -> None:
    """Rewrites what each softmax reads, where a constant hides some of it."""
    for node in tuple(model.graph):
        if node.op_type == "Softmax":
            source, path = _uncopied(input_of(node))
            if source is not None:
                _rewrite(model, source, path, integer(node, "axis", -1))


def _uncopied(value: ir.Value) -> tuple[ir.Node | None, list[ir.Node]]:
    """What computes a value that nothing else reads, and the nodes that reshape it, first to last.

    None for the first where something else does read it.
    """
    path: list[ir.Node] = []
    while (node := value.producer()) is not None and sole_consumer(value) is not None:
        if operator_of(node).kind not in ("view", "transpose"):
            return node, path[::-1]
        path.append(node)
        value = input_of(node)
    return None, path


def _rewrite(model: ir.Model, node: ir.Node, path: Sequence[ir.Node], axis: int) -> None:
    shape = shape_of(node.outputs[0])
    for index, value in enumerate(node.inputs):
        array = constant_of(value)
        if array is None or array.dtype.kind != "f":
            continue
        if node.op_type == "Add" and shape_of(input_of(node, 1 - index)) == shape:
            added = np.maximum(array, _LOWEST).astype(np.float32)
            hides, other = array < _LOWEST, input_of(node, 1 - index)
        elif node.op_type == "Where" and array.size == 1 and array.reshape(()) <= _HIDES:
            mask, other = constant_of(node.inputs[0]), input_of(node, 3 - index)
            if mask is None or shape_of(other) != shape:
                continue
            hides = mask if index == 1 else ~mask
            added = np.where(hides, _LOWEST, 0.0).astype(np.float32)
        else:
            continue
        if hides.any() and not _hides_a_row(np.broadcast_to(hides, shape), path, axis):
            pieces = Pieces(model, node)
            pieces.give(pieces.combined("Add", [other, pieces.constant(added)]))
        return


def _hides_a_row(hides: NDArray[np.bool_], path: Sequence[ir.Node], axis: int) -> bool:
    """Whether nothing is left of some row of the softmax."""
    for node in path:
        if operator_of(node).kind == "transpose":
            hides = hides.transpose(ints(node, "perm", range(hides.ndim)[::-1]))
        else:
            hides = hides.reshape(shape_of(node.outputs[0]))
    return bool(hides.all(axis).any())
