"""Gives pixel shuffles the channel order that phones have an operator for.

Shi et al., https://arxiv.org/abs/1609.05158: (N, C * r * r, H, W) becomes (N, C, H * r, W * r). In
PyTorch's input, and in what its inverse gives, the r * r pixels of a channel stand side by side;
TFLite's DEPTH_TO_SPACE and SPACE_TO_DEPTH have the channels of a pixel side by side instead. Where
convolutions stand around the shuffle, their weights follow the other order at no cost.

Case 1: DepthToSpace, mode CRD                                   -> DepthToSpace, mode DCR
Case 2: Reshape (N, C, H, r, W, r) -> Transpose -> Reshape       -> SpaceToDepth
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.passes.edit import replace_chain
from edgeconv.graph.passes.shuffles.channel_orders import ChannelOrders, reorder
from edgeconv.graph.view import input_of, integer, ints, shape_of, sole_consumer, string


def reorder_pixel_shuffles(model: ir.Model) -> None:
    """Rewrites each shuffle whose channels may stand in another order."""
    for node in tuple(model.graph):
        if node.op_type == "DepthToSpace" and string(node, "mode", "DCR") == "CRD":
            _to_pixel_major(model, node)
        elif node.op_type == "Reshape":
            _to_space_to_depth(model, node)


def _to_pixel_major(model: ir.Model, node: ir.Node) -> None:
    """Case 1."""
    source, block = input_of(node), integer(node, "blocksize", 1)
    order = ChannelOrders(model.graph, left_out=[node]).of(source)
    if order.free:
        reorder(model, order, _pixel_major(shape_of(source)[1] // block**2, block))
        node.attributes["mode"] = ir.AttrString("mode", "DCR")


def _to_space_to_depth(model: ir.Model, first: ir.Node) -> None:
    """Case 2."""
    swap = sole_consumer(first.outputs[0])
    last = None if swap is None else sole_consumer(swap.outputs[0])
    source, block = first.inputs[0], _block(first, swap, last)
    if swap is None or last is None or source is None or block is None:
        return
    order = ChannelOrders(model.graph, left_out=[first, swap, last]).of(last.outputs[0])
    if not order.free:
        return
    reorder(model, order, _pixel_major(shape_of(source)[1], block))
    replace_chain(model, [first, swap, last], "SpaceToDepth", source, blocksize=block)


def _block(first: ir.Node, swap: ir.Node | None, last: ir.Node | None) -> int | None:
    """r of three nodes that are an inverse shuffle, None where they are something else."""
    if first.inputs[0] is None or swap is None or last is None or last.op_type != "Reshape":
        return None
    if swap.op_type != "Transpose" or ints(swap, "perm", ()) != (0, 1, 3, 5, 2, 4):
        return None
    shape, apart = shape_of(first.inputs[0]), shape_of(first.outputs[0])
    if len(shape) != 4 or len(apart) != 6:
        return None
    batch, channels, height, block, width, same = apart
    whole = (batch, channels, height * block, width * same)
    below = (batch, channels * block * same, height, width)
    fits = block == same and whole == shape and below == shape_of(last.outputs[0])
    return block if fits else None


def _pixel_major(channels: int, block: int) -> NDArray[np.intp]:
    """Place -> channel: the channels of the first pixel, then those of the second, ..."""
    return np.arange(channels * block**2).reshape(channels, block**2).T.reshape(-1)
