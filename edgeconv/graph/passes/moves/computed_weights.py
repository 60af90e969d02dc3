"""Convolutions whose weights the net computes: as matrix products of what lies under the windows.

    x (N, C, H, W) ── Pad, Slices, Concat, Reshape (N, G, C / G * kernel, H' * W') ─┐
                                                                                    ├ MatMul ...
    w (O, C / G, kernel) ── Reshape (1, G, O / G, C / G * kernel) ──────────────────┘
    ... (N, G, O / G, H' * W') ── Reshape (N, O, H', W') ── Add of the bias

Conditional and dynamic convolutions, and correlations of two images, are made of them. TFLite's
kernels of computed weights are slower than its matrix products and know no groups.
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from edgeconv.graph.passes.moves.pieces import Pieces
from edgeconv.graph.view import constant_of, input_of, integer, ints, shape_of


def multiply_by_computed_weights(model: ir.Model) -> None:
    """Rewrites each such convolution, over axes of any number."""
    for node in tuple(model.graph):
        if node.op_type == "Conv" and constant_of(node.inputs[1]) is None:
            _rewrite(model, node)


def _rewrite(model: ir.Model, node: ir.Node) -> None:
    pieces, x, weight = Pieces(model, node), input_of(node), input_of(node, 1)
    (outputs, inputs, *kernel), (batch, _, *image) = shape_of(weight), shape_of(node.outputs[0])
    groups, inner = integer(node, "group", 1), inputs * math.prod(kernel)
    seen = _padded(pieces, node, x)
    for axis in range(len(kernel)):
        seen = _windowed(pieces, node, seen, axis)
    under = pieces.reshaped(seen, (batch, groups, inner, math.prod(image)))
    rows = pieces.reshaped(weight, (1, groups, outputs // groups, inner))
    product_shape = (batch, groups, outputs // groups, math.prod(image))
    made = pieces.made("MatMul", [rows, under], product_shape)
    result = pieces.reshaped(made, (batch, outputs, *image))
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        bias = pieces.reshaped(input_of(node, 2), (1, outputs, *(1,) * len(image)))
        result = pieces.combined("Add", [result, bias])
    pieces.give(result)


def _padded(pieces: Pieces, node: ir.Node, x: ir.Value) -> ir.Value:
    """The image between the zeros that the node's pads state."""
    rank = len(shape_of(x)) - 2
    amounts = ints(node, "pads", (0,) * 2 * rank)
    if not any(amounts):
        return x
    ends = np.array([0, 0, *amounts[:rank], 0, 0, *amounts[rank:]], np.int64)
    sizes = np.array(shape_of(x)) + ends.reshape(2, -1).sum(0)
    return pieces.made("Pad", [x, pieces.constant(ends)], tuple(int(n) for n in sizes))


def _windowed(pieces: Pieces, node: ir.Node, x: ir.Value, axis: int) -> ir.Value:
    """The axis of an image as two: places in a window behind the others' places, and windows."""
    kernel, count = shape_of(input_of(node, 1))[2 + axis], shape_of(node.outputs[0])[2 + axis]
    rank = len(shape_of(node.outputs[0])) - 2
    stride = ints(node, "strides", (1,) * rank)[axis]
    dilation = ints(node, "dilations", (1,) * rank)[axis]
    taps = []
    for place in range(kernel):
        tap = pieces.taken(x, 2 + 2 * axis, place * dilation + np.arange(count) * stride)
        shape = shape_of(tap)
        taps.append(pieces.reshaped(tap, (*shape[: 2 + axis], 1, *shape[2 + axis :])))
    return pieces.joined(taps, 2 + axis)
