"""Slices read what was joined, not the join; what lies side by side is joined as one.

Case 1: Slice of a Concat, along its axis, within one part    -> Slice of the part, or the part
Case 2: the same across parts, and nothing else reads it      -> Concat of Slices
Case 3: Slice of a Slice along the same axis                  -> one Slice
Case 4: Concat of a Concat along the same axis, read by it    -> one Concat
        alone
Case 5: Concat of Slices that follow each other in a tensor   -> one Slice, or the tensor
Case 6: Concat of constants beside each other                 -> one constant

A chain of assignments to slices becomes as few copies as one assignment of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise
from typing import cast

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from edgeconv.graph.passes.moves.pieces import Indices, Pieces
from edgeconv.graph.view import constant_of, input_of, integer, shape_of, slices_of, sole_consumer

#: XNNPACK runs a CONCATENATION of this many; a longer one stays in the pieces it came in.
_MOST_PARTS = 5

#: A stretch of a tensor along an axis.
_Stretch = tuple[ir.Value, Indices]


def simplify_slices(model: ir.Model) -> None:
    """Rewrites slices and concatenations, those in front first."""
    for node in tuple(model.graph):
        if node.op_type == "Slice" and (cut := _cut(node)) is not None:
            _simplify_slice(model, node, *cut)
        elif node.op_type == "Concat":
            _simplify_concat(model, node)
    common.RemoveUnusedNodesPass()(model)  # or a join that is read no more may be nested again


def _simplify_slice(model: ir.Model, node: ir.Node, axis: int, indices: Indices) -> None:
    """Cases 1 to 3."""
    value = input_of(node)
    found = list(_stretches(value, axis, indices))
    if found[0][0] is not value or constant_of(value) is not None:
        pieces = Pieces(model, node)
        parts = [pieces.taken(part, axis, within) for part, within in found]
        pieces.give(pieces.joined(parts, axis))


def _stretches(value: ir.Value, axis: int, indices: Indices) -> Iterator[_Stretch]:
    """Where the values at the indices of an axis come from."""
    node = value.producer()
    cut = None if node is None or node.op_type != "Slice" else _cut(node)
    if node is not None and cut is not None and cut[0] == axis:
        yield from _stretches(input_of(node), axis, cut[1][indices])
        return
    if node is not None and _joins(node, axis):
        reached = list(_reached(node, axis, indices))
        if len(reached) == 1 or sole_consumer(value) is not None:
            for part, within in reached:
                yield from _stretches(part, axis, within)
            return
    yield value, indices


def _reached(node: ir.Node, axis: int, indices: Indices) -> Iterator[_Stretch]:
    """The parts of a concatenation that hold the values at some indices, in the indices' order."""
    parts = [value for value in node.inputs if value is not None]
    ends = np.cumsum([shape_of(part)[axis] for part in parts])
    of = np.searchsorted(ends, indices, side="right")
    bounds = [0, *(np.flatnonzero(np.diff(of)) + 1).tolist(), len(indices)]
    for a, b in pairwise(bounds):
        part = parts[of[a]]
        yield part, indices[a:b] - (int(ends[of[a]]) - shape_of(part)[axis])


def _simplify_concat(model: ir.Model, node: ir.Node) -> None:
    """Cases 4 to 6."""
    axis = integer(node, "axis", 0) % len(shape_of(node.outputs[0]))
    parts = [cast(ir.Value, value) for value in node.inputs]
    flat = list(chain.from_iterable(_unnested(part, axis) for part in parts))
    if len(flat) > _MOST_PARTS:
        flat = parts
    pieces = Pieces(model, node)
    merged = list(_merged(pieces, flat, axis))
    if len(merged) < len(parts) or len(flat) != len(parts):
        pieces.give(pieces.joined(merged, axis))


def _unnested(value: ir.Value, axis: int) -> list[ir.Value]:
    node = value.producer()
    if node is None or not _joins(node, axis) or sole_consumer(value) is None:
        return [value]
    return [part for part in node.inputs if part is not None]


def _merged(pieces: Pieces, parts: list[ir.Value], axis: int) -> Iterator[ir.Value]:
    """The parts, those joined that are one stretch of a tensor or constant."""
    held, (value, indices) = parts[0], _stretch(parts[0], axis)
    for part in parts[1:]:
        source, more = _stretch(part, axis)
        both = np.concatenate([indices, more])
        if constant_of(held) is not None and constant_of(part) is not None:
            held = pieces.joined([held, part], axis)
            value, indices = _stretch(held, axis)
        elif source is value and bool((np.diff(both) == 1).all()):
            held, indices = pieces.taken(value, axis, both), both
        else:
            yield held
            held, value, indices = part, source, more
    yield held


def _stretch(value: ir.Value, axis: int) -> _Stretch:
    """What a value is a slice of along an axis, and where; itself if of nothing."""
    node = value.producer()
    cut = None if node is None or node.op_type != "Slice" else _cut(node)
    if node is None or cut is None or cut[0] != axis:
        return value, np.arange(shape_of(value)[axis])
    return input_of(node), cut[1]


def _joins(node: ir.Node, axis: int) -> bool:
    return (
        node.op_type == "Concat"
        and integer(node, "axis", 0) % len(shape_of(node.outputs[0])) == axis
    )


def _cut(node: ir.Node) -> tuple[int, Indices] | None:
    """The axis along which a Slice cuts and what it takes of it; None where it is not just one."""
    if any(constant_of(value) is None for value in node.inputs[1:] if value is not None):
        return None
    shape = shape_of(input_of(node))
    taken = [np.arange(n)[s] for s, n in zip(slices_of(node), shape, strict=True)]
    cut = [axis for axis, n in enumerate(shape) if not np.array_equal(taken[axis], np.arange(n))]
    return (cut[0], taken[cut[0]]) if len(cut) == 1 and len(taken[cut[0]]) else None
