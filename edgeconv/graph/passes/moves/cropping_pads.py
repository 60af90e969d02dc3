"""Pads by negative amounts, which crop, and pads that repeat the image, which gather.

TFLite has neither. What is cropped is cut off first, as onnxruntime does; a Pad is left for what is
added.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.passes.moves.pieces import Pieces
from edgeconv.graph.view import constant_of, input_of, shape_of, string

#: By axis, what is added before and after.
Ends = NDArray[np.int64]


def settle_pads(model: ir.Model) -> None:
    """Rewrites each Pad that crops, or wraps around."""
    for node in tuple(model.graph):
        if node.op_type != "Pad" or (amounts := constant_of(node.inputs[1])) is None:
            continue
        ends = amounts.reshape(2, -1).T
        if string(node, "mode", "constant") == "wrap":
            _wrap(model, node, ends)
        elif (ends < 0).any():
            _crop(model, node, ends)


def _crop(model: ir.Model, node: ir.Node, ends: Ends) -> None:
    pieces = Pieces(model, node)
    value = _taken(pieces, input_of(node), np.minimum(ends, 0))
    if not (ends > 0).any():
        pieces.give(value)
        return
    pieces.put_before()
    node.replace_input_with(0, value)
    node.replace_input_with(1, pieces.constant(np.maximum(ends, 0).T.ravel()))


def _wrap(model: ir.Model, node: ir.Node, ends: Ends) -> None:
    pieces = Pieces(model, node)
    pieces.give(_taken(pieces, input_of(node), ends))


def _taken(pieces: Pieces, value: ir.Value, ends: Ends) -> ir.Value:
    """A tensor with so much more at both ends of each axis, around the corner, or less."""
    for axis, (before, after) in enumerate(ends):
        length = shape_of(value)[axis]
        places = np.arange(-before, length + after, dtype=np.int64) % length
        value = pieces.taken(value, axis, places)
    return value
