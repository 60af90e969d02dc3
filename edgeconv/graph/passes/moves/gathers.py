"""Gathers by constant indices become slices where slices do, others the simplest gather.

Case 1: GatherElements whose indices are alike but along its axis  -> Slices, then Gather (and:)
Case 2: Gather of one index, which drops the axis                  -> Slice and Reshape
Case 3: Gather of a range, with a step or backwards                -> Slice
Case 4: Gather of few ranges                                       -> Slices and Concat
Case 5: GatherElements whose computed indices are a line, repeated -> Slices, then Gather

XNNPACK runs slices and concatenations, but no GATHER. What is no range of channels stays one all
the same: the convolutions around it may take it over (`passes.shuffle`).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import onnx_ir as ir

from edgeconv.graph.passes.moves.pieces import Indices, Pieces
from edgeconv.graph.view import constant_of, input_of, integer, shape_of

#: Of more ranges, one GATHER is no more work than their slices.
_FEW_RANGES = 4


def settle_gathers(model: ir.Model) -> None:
    """Rewrites each gather that something faster makes."""
    for node in tuple(model.graph):
        indices = constant_of(node.inputs[1]) if len(node.inputs) > 1 else None
        if indices is None:
            if node.op_type == "GatherElements":
                _settle_repeated(model, node)
            continue
        if node.op_type == "Gather" and indices.ndim <= 1:
            _settle(model, node, indices.astype(np.int64))
        elif node.op_type == "GatherElements":
            _settle_alike(model, node, indices.astype(np.int64))


def _settle(model: ir.Model, node: ir.Node, indices: Indices) -> None:
    """Cases 2 to 4."""
    value, shape = input_of(node), shape_of(node.outputs[0])
    axis = integer(node, "axis", 0) % len(shape_of(value))
    ranges = _ranges(indices.reshape(-1) % shape_of(value)[axis])
    if len(ranges) > _FEW_RANGES or shape_of(value)[axis] == 0 or indices.size == 0:
        return
    pieces = Pieces(model, node)
    parts = [pieces.taken(value, axis, each) for each in ranges]
    pieces.give(pieces.reshaped(pieces.joined(parts, axis), shape))


def _settle_alike(model: ir.Model, node: ir.Node, indices: Indices) -> None:
    """Case 1."""
    value, shape = input_of(node), shape_of(node.outputs[0])
    axis = integer(node, "axis", 0) % len(shape)
    line = indices[tuple(slice(None) if a == axis else slice(1) for a in range(len(shape)))]
    if not bool((indices == line).all()):
        return
    pieces = Pieces(model, node)
    value = _corner(pieces, value, shape, axis)
    ranges = _ranges(line.reshape(-1) % shape_of(value)[axis])
    if len(ranges) > _FEW_RANGES:
        ranges = [line.reshape(-1) % shape_of(value)[axis]]
    pieces.give(pieces.joined([pieces.taken(value, axis, each) for each in ranges], axis))


def _settle_repeated(model: ir.Model, node: ir.Node) -> None:
    """Case 5: `places[None, :, None].expand(-1, -1, channels)`, as one picks whole rows."""
    value, shape = input_of(node), shape_of(node.outputs[0])
    axis = integer(node, "axis", 0) % len(shape)
    repeated = input_of(node, 1).producer()
    if repeated is None or repeated.op_type != "Expand":
        return
    line = input_of(repeated)
    given = (1,) * (len(shape) - len(shape_of(line))) + shape_of(line)
    if math.prod(given) != shape[axis] or given[axis] != shape[axis]:
        return
    pieces = Pieces(model, node)
    places = pieces.reshaped(line, (shape[axis],))
    value = _corner(pieces, value, shape, axis)
    pieces.give(pieces.made("Gather", [value, places], shape, axis=axis))


def _corner(pieces: Pieces, value: ir.Value, shape: tuple[int, ...], axis: int) -> ir.Value:
    """What a GatherElements that gives a shape reads from: all of the axis, the first of others."""
    for other, length in enumerate(shape):
        if other != axis:
            value = pieces.taken(value, other, np.arange(length))
    return value


def _ranges(indices: Indices) -> list[Indices]:
    """Indices as one range with a step, or as the stretches that count up by one."""
    if len(set(np.diff(indices).tolist()) - {0}) == 1 and bool(np.diff(indices).all()):
        return [indices]
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    return [indices[a:b] for a, b in pairwise([0, *breaks.tolist(), len(indices)])]
