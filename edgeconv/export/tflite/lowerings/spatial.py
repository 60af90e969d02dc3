"""Padding, scaling, and moving between space and channels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import NHWC, Layout, Shape
from edgeconv.export.tflite.program import Tensor, constant
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.passes.pads_apart import SMALLEST
from edgeconv.graph.view import constant_of, input_of, integer, require_constant, shape_of, string

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

    TFLite knows three rules for where an output pixel samples; the node is lowered to the one that
    gives its places exactly and refused where none does. int8: one scale. Spatial axes only.
    """
    value = input_of(node)
    shape, new_shape = shape_of(value), shape_of(node.outputs[0])
    if len(shape) != 4 or shape[:2] != new_shape[:2]:
        raise CannotLower("resizes other axes than height and width of an image")
    mode = string(node, "mode", "nearest")
    if mode not in ("nearest", "linear") or integer(node, "antialias", 0):
        raise CannotLower(f"resizes by {mode} interpolation; nearest and linear are supported")
    flags = _sampling(node, shape, new_shape)
    inputs = [b.read(node, 0, NHWC), b.ints(f"{node.name}/size", new_shape[2:])]
    if mode == "nearest":
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


def _sampling(node: ir.Node, shape: Shape, new_shape: Shape) -> dict[str, bool]:
    """The TFLite flags that sample where the node does.

    Source: ONNX's Resize specification; TensorFlow Lite's reference kernels of both operators.
    """
    pairs = [(shape[axis], new_shape[axis]) for axis in (2, 3)]
    wanted = [_places(node, *pair, _ratio(node, axis, *pair)) for axis, pair in enumerate(pairs, 2)]
    nearest = string(node, "mode", "nearest") == "nearest"
    for align_corners, half_pixel in ((False, False), (False, True), (True, False)):
        given = [_tflite_places(*pair, align_corners, half_pixel, nearest) for pair in pairs]
        if all(np.allclose(g, w, atol=1e-5) for g, w in zip(given, wanted, strict=True)):
            return {"alignCorners": align_corners, "halfPixelCenters": half_pixel}
    raise CannotLower(
        f"samples by {string(node, 'coordinate_transformation_mode', 'half_pixel')} with rounding "
        f"{string(node, 'nearest_mode', 'round_prefer_floor')}, which TFLite has no operator for"
    )


def _ratio(node: ir.Node, axis: int, size: int, new_size: int) -> float:
    """Input pixels per output pixel: by the scale the node states, else by the sizes."""
    scales = constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
    return size / new_size if scales is None or scales.size == 0 else 1 / float(scales[axis])


def _places(node: ir.Node, size: int, new_size: int, ratio: float) -> NDArray[np.float64]:
    """Where each output pixel samples the input, as ONNX states it, clamped to the image."""
    x = np.arange(new_size, dtype=np.float64)
    rule = string(node, "coordinate_transformation_mode", "half_pixel")
    if rule == "half_pixel" or (rule == "pytorch_half_pixel" and new_size > 1):
        places = (x + 0.5) * ratio - 0.5
    elif rule == "align_corners" and new_size > 1:
        places = x * (size - 1) / (new_size - 1)
    elif rule == "asymmetric":
        places = x * ratio
    elif rule in ("pytorch_half_pixel", "align_corners"):
        places = x * 0
    else:
        raise CannotLower(f"places its samples by {rule}, which TFLite has no operator for")
    if string(node, "mode", "nearest") == "nearest":
        places = _ROUNDINGS[string(node, "nearest_mode", "round_prefer_floor")](places)
    return np.clip(places, 0, size - 1)


def _tflite_places(
    size: int, new_size: int, align_corners: bool, half_pixel: bool, nearest: bool
) -> NDArray[np.float64]:
    x, ratio = np.arange(new_size, dtype=np.float64), size / new_size
    if align_corners and new_size > 1:
        ratio = (size - 1) / (new_size - 1)
    if nearest:
        places = (x + (0.5 if half_pixel else 0.0)) * ratio
        places = np.floor(places + 0.5) if align_corners else np.floor(places)
    else:
        places = (x + 0.5) * ratio - 0.5 if half_pixel else x * ratio
    return np.clip(places, 0, size - 1)


_ROUNDINGS: Mapping[str, Any] = MappingProxyType(
    {
        "ceil": np.ceil,
        "floor": np.floor,
        "round_prefer_ceil": lambda places: np.floor(places + 0.5),
        "round_prefer_floor": lambda places: np.ceil(places - 0.5),
    }
)

LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "DepthToSpace": depth_to_space,
        "Pad": pad,
        "Resize": resize,
        "SpaceToDepth": space_to_depth,
    }
)
