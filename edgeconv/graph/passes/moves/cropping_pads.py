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
    pieces, value = Pieces(model, node), input_of(node)
    for axis, (before, after) in enumerate(ends):
        length = shape_of(value)[axis]
        kept = np.arange(max(0, -before), length - max(0, -after), dtype=np.int64)
        value = pieces.taken(value, axis, kept)
    if not (ends > 0).any():
        pieces.give(value)
        return
    pieces.put_before()
    node.replace_input_with(0, value)
    node.replace_input_with(1, pieces.constant(np.maximum(ends, 0).T.ravel()))


def _wrap(model: ir.Model, node: ir.Node, ends: Ends) -> None:
    pieces, value = Pieces(model, node), input_of(node)
    for axis, (before, after) in enumerate(ends):
        length = shape_of(value)[axis]
        places = np.arange(-before, length + after, dtype=np.int64) % length
        value = pieces.taken(value, axis, places)
    pieces.give(value)
