"""A box of a tensor overwritten by a block, as slices of both that are joined.

    y[:, 2:5] = block    ->    Concat(y[:, :2], block, y[:, 5:])

Axis by axis from the front; along one where that would take many pieces, such as y[::2], the block
is joined behind the tensor once and a Gather brings all to its place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from edgeconv.graph.passes.moves.pieces import Indices, Pieces, runs_of
from edgeconv.graph.view import shape_of

#: From how many pieces on a Gather is taken.
_MANY = 8


def overwritten(
    pieces: Pieces, value: ir.Value, block: ir.Value, sides: Sequence[Indices]
) -> ir.Value:
    """The value with the block at all combinations of the sides, which are sorted.

    Args:
        pieces: makes the nodes.
        value: what is overwritten.
        block: as long along each axis as the side.
        sides: indices, for every axis.
    """
    cut = [axis for axis, n in enumerate(shape_of(value)) if len(sides[axis]) < n]
    return _along(pieces, value, block, sides, cut)


def count_of_pieces(shape: Sequence[int], sides: Sequence[Indices]) -> int:
    """How many slices a box takes, at most, if none is gathered."""
    return sum(len(runs_of(side, n)) for side, n in zip(sides, shape, strict=True) if len(side) < n)


def _along(
    pieces: Pieces,
    value: ir.Value,
    block: ir.Value,
    sides: Sequence[Indices],
    cut: Sequence[int],
) -> ir.Value:
    if not cut:
        return block
    axis, *others = cut
    length = shape_of(value)[axis]
    runs = runs_of(sides[axis], length)
    if len(runs) >= _MANY:
        inside = block
        if others:
            inside = _along(pieces, pieces.taken(value, axis, sides[axis]), block, sides, others)
        places = np.arange(length)
        places[sides[axis]] = length + np.arange(len(sides[axis]))
        return pieces.taken(pieces.joined([value, inside], axis), axis, places)
    parts, begin = [], 0
    for run, is_inside in runs:
        if not is_inside:
            parts.append(pieces.taken(value, axis, run))
            continue
        part = pieces.taken(block, axis, np.arange(begin, begin + len(run)))
        begin += len(run)
        if others:
            part = _along(pieces, pieces.taken(value, axis, run), part, sides, others)
        parts.append(part)
    return pieces.joined(parts, axis)
