"""Padding, scaling, and moving between space and channels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import NHWC, Layout
from edgeconv.export.tflite.program import Tensor, constant
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.passes.pads_apart import SMALLEST
from edgeconv.graph.resizing import rule_of
from edgeconv.graph.view import constant_of, integer, require_constant, shape_of, string

_REFLECT: int = schema.MirrorPadMode.REFLECT
_SYMMETRIC: int = schema.MirrorPadMode.SYMMETRIC


def pad(node: ir.Node, b: Builder) -> None:
    """Pad -> PAD (zeros), CONCATENATION or PADV2 (another number) or MIRROR_PAD (reflect; edge).

    Repeating the edge once is mirroring with the edge included; k times takes k operators. int8:
    one scale, PAD fills with the zero point. No negative padding, no wrapping.
    """
    layout = Layout(b.layout(node).order)
    x = b.read(node, 0, layout)
    amounts = _pad_amounts(node, len(x.shape))
    file_amounts = amounts[list(layout.order)]
    if (amounts < 0).any():
        raise CannotLower("pads by a negative number; crop with a slice instead")
    paddings = b.ints(f"{node.name}/paddings", file_amounts)
    mode = string(node, "mode", "constant")
    if mode == "reflect":
        options = schema.MirrorPadOptionsT(mode=_REFLECT)
        b.write(node, "MIRROR_PAD", [x, paddings], layout, options)
    elif mode == "edge":
        _pad_by_edge(node, b, x, file_amounts)
    elif mode != "constant":
        raise CannotLower(f"pads by {mode}; constant, reflect and edge are supported")
    else:
        fill = _pad_value(node)
        if abs(fill) <= SMALLEST:
            b.write(node, "PAD", [x, paddings], layout, schema.PadOptionsT())
        elif np.count_nonzero(file_amounts) == 1:
            _join_fill(node, b, x, file_amounts, fill)
        else:
            value = b.scalar(f"{node.name}/fill", fill, x)
            b.write(node, "PADV2", [x, paddings, value], layout, schema.PadV2OptionsT())


def _join_fill(
    node: ir.Node, b: Builder, x: Tensor, amounts: NDArray[np.int64], fill: float
) -> None:
    """One side of one axis -> CONCATENATION with a constant: XNNPACK has no PADV2."""
    ((axis, side),) = np.argwhere(amounts).tolist()
    shape = tuple(int(amounts[i].sum()) if i == axis else n for i, n in enumerate(x.shape))
    value = b.scalar(f"{node.name}/fill", fill, x)
    filled = constant(value.name, np.broadcast_to(value.values.reshape(()), shape), x.quantization)
    parts = [x, filled] if side else [filled, x]
    options = schema.ConcatenationOptionsT(axis=axis)
    b.write(node, "CONCATENATION", parts, Layout(b.layout(node).order), options)


def _pad_by_edge(node: ir.Node, b: Builder, x: Tensor, amounts: NDArray[np.int64]) -> None:
    layout, options = Layout(b.layout(node).order), schema.MirrorPadOptionsT(mode=_SYMMETRIC)
    while True:
        once = np.minimum(amounts, 1)
        amounts = amounts - once
        paddings = b.ints(f"{node.name}/paddings", once)
        if not amounts.any():
            b.write(node, "MIRROR_PAD", [x, paddings], layout, options)
            return
        shape = tuple(size + int(more) for size, more in zip(x.shape, once.sum(1), strict=True))
        x = b.step(node, "edge", "MIRROR_PAD", [x, paddings], shape, options=options)


def resize(node: ir.Node, b: Builder) -> None:
    """Resize -> RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR, where TFLite samples as it does.

    All others have become products or gathers in the hub (`graph/passes/moves/resizes.py`). int8:
    one scale.
    """
    rule = rule_of(node)
    if rule is None:
        raise CannotLower(f"samples by a {string(node, 'mode', 'nearest')} rule that TFLite lacks")
    flags = {"alignCorners": rule == "aligned", "halfPixelCenters": rule == "half"}
    size = shape_of(node.outputs[0])[2:]
    inputs = [b.read(node, 0, NHWC), b.ints(f"{node.name}/size", size)]
    if string(node, "mode", "nearest") == "nearest":
        options = schema.ResizeNearestNeighborOptionsT(**flags)
        b.write(node, "RESIZE_NEAREST_NEIGHBOR", inputs, NHWC, options)
    else:
        b.write(node, "RESIZE_BILINEAR", inputs, NHWC, schema.ResizeBilinearOptionsT(**flags))


def depth_to_space(node: ir.Node, b: Builder) -> None:
    """DepthToSpace -> DEPTH_TO_SPACE; int8: one scale.

    TFLite's channels are (block row, block column, channel), ONNX's DCR. PyTorch's pixel shuffle
    (CRD) has the channel first, so its channels are reordered by a TRANSPOSE before.
    """
    block = integer(node, "blocksize", 1)
    x = b.read(node, 0, NHWC)
    n, height, width, channels = x.shape
    if string(node, "mode", "DCR") == "CRD":
        apart = (n * height * width, channels // block**2, block**2)
        perm = b.ints(f"{node.name}/perm", (0, 2, 1))
        swapped = (apart[0], apart[2], apart[1])
        x = b.reshaped(node, "blocks", x, apart)
        x = b.step(
            node, "by_block", "TRANSPOSE", [x, perm], swapped, options=schema.TransposeOptionsT()
        )
        x = b.reshaped(node, "by_block", x, (n, height, width, channels))
    options = schema.DepthToSpaceOptionsT(blockSize=block)
    b.write(node, "DEPTH_TO_SPACE", [x], NHWC, options)


def space_to_depth(node: ir.Node, b: Builder) -> None:
    """SpaceToDepth -> SPACE_TO_DEPTH, which orders channels as ONNX does; int8: one scale."""
    options = schema.SpaceToDepthOptionsT(blockSize=integer(node, "blocksize", 1))
    b.write(node, "SPACE_TO_DEPTH", [b.read(node, 0, NHWC)], NHWC, options)


def _pad_amounts(node: ir.Node, rank: int) -> NDArray[np.int64]:
    """(rank, 2): elements before and after, along every hub axis."""
    given = require_constant(node, 1).reshape(2, -1)
    axes = constant_of(node.inputs[3]) if len(node.inputs) > 3 else None
    amounts = np.zeros((rank, 2), np.int64)
    amounts[range(rank) if axes is None else axes] = given.T
    return amounts


def _pad_value(node: ir.Node) -> float:
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return 0.0
    return float(require_constant(node, 2).reshape(-1)[0])


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "DepthToSpace": depth_to_space,
        "Pad": pad,
        "Resize": resize,
        "SpaceToDepth": space_to_depth,
    }
)
