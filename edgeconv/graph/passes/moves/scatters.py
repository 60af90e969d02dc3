"""Assignments to constant places become slices, blocks and concatenations.

PyTorch's exporter writes `y[..., 0:2] = block` as a ScatterND whose indices name every place. Where
the places are a box of the tensor (ranges, steps or lists of indices along its axes), the result is
joined from slices, which engines run as plain copies. Other places stay: their operator is lowered
as one that gathers.

Case 1: no place at all                                   -> the tensor itself
Case 2: a box, in order                                   -> slices and Concat (`overwritten`)
Case 3: a box, in another order along some axes            -> those of the block gathered first
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.passes.moves.overwritten import overwritten
from edgeconv.graph.passes.moves.pieces import Indices, Pieces, box_of
from edgeconv.graph.places import scattered
from edgeconv.graph.view import constant_of, input_of, shape_of, string


def settle_scatters(model: ir.Model) -> None:
    """Rewrites each scatter by constant indices that overwrites a box."""
    for node in tuple(model.graph):
        if (
            node.op_type in {"ScatterND", "ScatterElements"}
            and constant_of(node.inputs[1]) is not None
        ):
            _settle(model, node)


def _settle(model: ir.Model, node: ir.Node) -> None:
    if string(node, "reduction", "none") != "none":
        return
    _drop_what_is_not_written(model, node)
    value, updates, sources = input_of(node), input_of(node, 2), scattered(node)
    pieces = Pieces(model, node)
    if not (sources >= 0).any():
        pieces.give(value)
        return
    sides = box_of(sources >= 0)
    block = None if sides is None else _block(pieces, updates, sources[np.ix_(*sides)])
    if sides is not None and block is not None:
        pieces.give(overwritten(pieces, value, block, sides))


def _drop_what_is_not_written(model: ir.Model, node: ir.Node) -> None:
    """PyTorch takes updates of which the indices name a corner; ONNX takes none but those named."""
    updates, shape = input_of(node, 2), shape_of(input_of(node, 1))
    if node.op_type == "ScatterElements" and shape_of(updates) != shape:
        pieces = Pieces(model, node)
        for axis, length in enumerate(shape):
            updates = pieces.taken(updates, axis, np.arange(length))
        pieces.put_before()
        node.replace_input_with(2, updates)


def _block(pieces: Pieces, updates: ir.Value, sources: NDArray[np.int64]) -> ir.Value | None:
    """The updates in the shape and order of the box; None where a Gather an axis cannot do it.

    Args:
        pieces: makes the nodes.
        updates: what is written.
        sources: of the box's shape: which of the updates, counted flat, stands where.
    """
    array = constant_of(updates)
    if array is not None:
        return pieces.constant(array.reshape(-1)[sources])
    if sources.size != np.prod(shape_of(updates)):  # some are written over by others
        return None
    orders = _orders(sources)
    if orders is None:
        return None
    block = pieces.reshaped(updates, sources.shape)
    for axis, order in enumerate(orders):
        block = pieces.taken(block, axis, order)
    return block


def _orders(sources: NDArray[np.int64]) -> list[Indices] | None:
    """For every axis the order in which it is taken, where each axis by itself decides."""
    orders = []
    for axis, indices in enumerate(np.unravel_index(sources, sources.shape)):
        line = tuple(slice(None) if other == axis else 0 for other in range(sources.ndim))
        order = indices[line]
        across = np.expand_dims(order, [o for o in range(sources.ndim) if o != axis])
        if not bool((indices == across).all()):
            return None
        orders.append(order)
    return orders
