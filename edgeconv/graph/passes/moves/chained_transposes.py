"""Sums up a chain of Reshapes and Transposes as one Transpose between two Reshapes.

Patches cut by hand (MobileViT's unfold and fold) take two Transposes, with axes between them that
no order of a file has in one piece:

x (1, C, 2 h, 2 w) -> Reshape (C h, 2, w, 2) -> Transpose (C h, w, 2, 2) -> Reshape (1, C, h w, 4)
-> Transpose (1, 4, h w, C) -> Reshape (4, h w, C)                   becomes
    Reshape (C, h, 2, w, 2) -> Transpose (2, 2, h, w, C) -> Reshape (4, h w, C)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import make_node, make_reshape, substitute
from edgeconv.graph.view import input_of, ints, place_of, set_place, shape_of, sole_consumer

#: TFLite's TRANSPOSE takes as many axes.
_MOST_AXES = 6


@dataclass(eq=False)
class _Piece:
    """A piece of an axis, which stays in one.

    Attributes:
        size: how many places it has.
    """

    size: int


def sum_up_transposes(model: ir.Model) -> None:
    """Rewrites each chain of two Transposes or more, unless its axes come in too many pieces."""
    for node in tuple(model.graph):
        chain = _chain(node) if node.graph is not None else []  # not a part of one before
        if sum(_is_transpose(each) for each in chain) < 2:
            continue
        pieces = _pieces(chain)
        if pieces is not None:
            _replace(model, chain, *pieces)


def _is_transpose(node: ir.Node) -> bool:
    return operator_of(node).kind == "transpose"


def _moves(node: ir.Node | None) -> bool:
    return node is not None and operator_of(node).kind in ("view", "transpose")


def _chain(node: ir.Node) -> list[ir.Node]:
    """The nodes from here on that only move, where none before reads and is read alone."""
    before = input_of(node).producer() if _moves(node) else None
    if not _moves(node) or (_moves(before) and sole_consumer(input_of(node)) is node):
        return []
    chain = [node]
    while (following := sole_consumer(chain[-1].outputs[0])) is not None and _moves(following):
        chain.append(following)
    return chain


def _pieces(chain: Sequence[ir.Node]) -> tuple[list[_Piece], list[_Piece]] | None:
    """What the first input's axes are made of, and the same in the order of the last output."""
    shape = shape_of(input_of(chain[0]))
    axes = [[_Piece(size)] if size != 1 else [] for size in shape]
    first = [piece for axis in axes for piece in axis]
    for node in chain:
        if _is_transpose(node):
            order = ints(node, "perm", tuple(reversed(range(len(axes)))))
            axes = [axes[axis] for axis in order]
            continue
        apart = _regrouped(axes, shape_of(node.outputs[0]), first)
        if apart is None:
            return None
        axes = apart
    last = [piece for axis in axes for piece in axis]
    return (first, last) if len(first) <= _MOST_AXES else None


def _regrouped(
    axes: Sequence[Sequence[_Piece]], shape: Sequence[int], first: list[_Piece]
) -> list[list[_Piece]] | None:
    """The pieces as axes of a new shape, cut where one ends within; None where that is not whole.

    What is cut is cut in `first` too.
    """
    left = [piece for axis in axes for piece in axis]
    found = []
    for size in shape:
        axis: list[_Piece] = []
        while size > 1:
            piece = left.pop(0)
            if piece.size > size:
                if piece.size % size:
                    return None
                rest = _Piece(piece.size // size)
                first.insert(first.index(piece) + 1, rest)
                left.insert(0, rest)
                piece.size = size
            if size % piece.size:
                return None
            axis.append(piece)
            size //= piece.size
        found.append(axis)
    return found


def _replace(
    model: ir.Model, chain: Sequence[ir.Node], first: Sequence[_Piece], last: Sequence[_Piece]
) -> None:
    source, result = input_of(chain[0]), chain[-1].outputs[0]
    made = _spelled(model, chain, first, last)
    if not made and result.is_graph_output():  # each output is a tensor of its own
        return
    for node in made:
        node.outputs[0].type = result.type
        set_place(node, place_of(chain[0]))
    model.graph.insert_before(chain[0], made)
    substitute(model, result, made[-1].outputs[0] if made else source)
    for gone in reversed(chain):
        model.graph.remove(gone, safe=True)


def _spelled(
    model: ir.Model, chain: Sequence[ir.Node], first: Sequence[_Piece], last: Sequence[_Piece]
) -> list[ir.Node]:
    """A Reshape to pieces, a Transpose, a Reshape to the result, each where it does something."""
    name, made, at = chain[-1].name or "", list[ir.Node](), input_of(chain[0])
    order = [first.index(piece) for piece in last]
    apart, turned = (tuple(piece.size for piece in pieces) for pieces in (first, last))
    is_turned = order != sorted(order)
    if is_turned and shape_of(at) != apart:
        made.append(make_reshape(model, at, name=f"{name}/Reshape", shape=apart))
        at = made[-1].outputs[0]
    if is_turned:
        said = {"perm": order}
        made.append(
            make_node("Transpose", [at], name=f"{name}/Transpose", shape=turned, attributes=said)
        )
        at = made[-1].outputs[0]
    wanted = shape_of(chain[-1].outputs[0])
    if shape_of(at) != wanted:
        made.append(make_reshape(model, at, name=name, shape=wanted))
    return made
