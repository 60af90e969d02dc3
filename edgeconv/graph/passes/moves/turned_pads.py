"""Pads between two transposes, as nets of TensorFlow's have them: the Pad comes first.

    x ── Transpose ── Pad ── Transpose ── ...    becomes    x ── Pad ── ...

onnxruntime moves such transposes away by itself, and then folds the Pad into a pool behind it, and
that is wrong for negative values. In this form it is seen, and kept apart (`pads_apart`).
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.graph.passes.edit import substitute
from edgeconv.graph.passes.moves.pieces import Pieces
from edgeconv.graph.view import constant_of, input_of, ints, shape_of, string


def pad_before_turning(model: ir.Model) -> None:
    """Moves each Pad of a transposed tensor before the transpose, which may then cancel out."""
    for node in tuple(model.graph):
        turn = node.inputs[0].producer() if node.op_type == "Pad" and node.inputs[0] else None
        if turn is not None and turn.op_type == "Transpose" and len(node.inputs) <= 3:
            _move(model, node, turn)


def _move(model: ir.Model, node: ir.Node, turn: ir.Node) -> None:
    amounts = constant_of(node.inputs[1])
    if amounts is None:
        return
    pieces, perm = Pieces(model, node), _perm(turn)
    moved = np.zeros((2, len(perm)), np.int64)
    moved[:, perm] = amounts.reshape(2, -1)
    new_shape = np.zeros(len(perm), np.int64)
    new_shape[list(perm)] = shape_of(node.outputs[0])
    inputs = [input_of(turn), pieces.constant(moved.ravel()), *node.inputs[2:]]
    mode = string(node, "mode", "constant")
    padded = pieces.made("Pad", inputs, tuple(int(n) for n in new_shape), mode=mode)  # type: ignore[arg-type]  # a value may be left out
    turned = pieces.made("Transpose", [padded], shape_of(node.outputs[0]), perm=list(perm))
    pieces.give(turned)
    for use in tuple(turned.uses()):
        if use.node.op_type == "Transpose" and _cancel(perm, _perm(use.node)):
            substitute(model, use.node.outputs[0], padded)
            model.graph.remove(use.node, safe=True)
    for value in (turned, turn.outputs[0]):
        producer = value.producer()
        if producer is not None and not value.uses() and not value.is_graph_output():
            model.graph.remove(producer, safe=True)


def _perm(node: ir.Node) -> tuple[int, ...]:
    rank = len(shape_of(node.outputs[0]))
    return ints(node, "perm", tuple(reversed(range(rank))))


def _cancel(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return [first[axis] for axis in second] == list(range(len(first)))
