"""Choices by a constant mask.

Case 1: all of one side                                  -> that side
Case 2: Trilu with a constant diagonal                   -> Where by a constant mask (and then:)
Case 3: minus infinity where the mask says so            -> Add of a constant, minus infinity or 0
Case 4: the mask is a box of few pieces, or all but one  -> slices and Concat

Case 3 is exact for all but plus infinity and NaN; it is what attention writes, and what a softmax
is fastest behind. Other masks stay a choice, which is exact for every value.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.passes.edit import add_constant, make_node, replace_node
from edgeconv.graph.passes.moves.overwritten import count_of_pieces, overwritten
from edgeconv.graph.passes.moves.pieces import Indices, Pieces, box_of
from edgeconv.graph.view import constant_of, input_of, integer, shape_of

#: A box of more pieces is no less work than a choice.
_FEW_PIECES = 5


def settle_masks(model: ir.Model) -> None:
    """Rewrites each choice by a constant mask that something faster makes."""
    for node in tuple(model.graph):
        if node.op_type == "Trilu":
            node = _as_choice(model, node)
        if node.op_type == "Where" and constant_of(node.inputs[0]) is not None:
            _settle(model, node)


def _as_choice(model: ir.Model, node: ir.Node) -> ir.Node:
    """Case 2."""
    offset = constant_of(node.inputs[1]) if len(node.inputs) > 1 else np.array(0)
    if offset is None:
        return node
    shape = shape_of(input_of(node))
    ones = np.ones(shape[-2:], np.bool_)
    upper = integer(node, "upper", 1)
    mask = np.triu(ones, int(offset)) if upper else np.tril(ones, int(offset))
    zero = add_constant(model, f"{node.name}::zero", np.zeros((), np.float32))
    inputs = [add_constant(model, f"{node.name}::mask", mask), input_of(node), zero]
    stem = (node.name or "").rpartition("/")[0]
    made = make_node("Where", inputs, name=f"{stem}/Where", shape=shape)
    made.outputs[0].type = node.outputs[0].type
    made.meta.update(node.meta)
    replace_node(model, node, made)
    return made


def _settle(model: ir.Model, node: ir.Node) -> None:
    mask = np.asarray(constant_of(node.inputs[0]), np.bool_)
    yes, no, shape = input_of(node, 1), input_of(node, 2), shape_of(node.outputs[0])
    for chosen, other, places in ((yes, no, mask), (no, yes, ~mask)):
        if _is_minus_infinity(chosen) and shape_of(other) == shape:
            pieces = Pieces(model, node)
            added = pieces.constant(np.where(places, -np.inf, 0.0).astype(np.float32))
            pieces.give(pieces.combined("Add", [other, added]))
            return
        if _settle_box(model, node, chosen, other, np.broadcast_to(places, shape)):
            return


def _settle_box(
    model: ir.Model, node: ir.Node, chosen: ir.Value, other: ir.Value, places: NDArray[np.bool_]
) -> bool:
    """Cases 1 and 4: the other value, overwritten at a box by the one that is chosen there."""
    shape, pieces = places.shape, Pieces(model, node)
    sides = box_of(places)
    if sides is None or count_of_pieces(shape, sides) > _FEW_PIECES:
        return False
    block = _cut(pieces, chosen, shape, sides)
    whole = _cut(pieces, other, shape, [np.arange(n) for n in shape])
    if block is None or (whole is None and not places.all()):
        return False
    pieces.give(block if whole is None else overwritten(pieces, whole, block, sides))
    return True


def _cut(
    pieces: Pieces, value: ir.Value, shape: tuple[int, ...], sides: list[Indices]
) -> ir.Value | None:
    """The box of a value that is broadcast to a shape; None where nothing but a copy would do."""
    array = constant_of(value)
    if array is not None:
        return pieces.constant(np.broadcast_to(array, shape)[np.ix_(*sides)])
    if shape_of(value) != shape:
        return None
    for axis, side in enumerate(sides):
        value = pieces.taken(value, axis, side)
    return value


def _is_minus_infinity(value: ir.Value) -> bool:
    array = constant_of(value)
    return array is not None and bool(np.isneginf(array).all())
