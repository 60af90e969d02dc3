"""Types and shapes of the operators onnxruntime puts into the files it has optimized.

ONNX's own inference does not know operators of the domain com.microsoft, nor anything behind them:
an integer tensor there would pass for float32 of no known shape. This fills in what an audit needs,
node by node in the graph's order, where the file does not say it itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

#: Where each operator has the zero point of what it writes.
_ZERO_POINTS: Mapping[str, int] = MappingProxyType(
    {
        "QGemm": 8,
        "QLinearAdd": 7,
        "QLinearAveragePool": 4,
        "QLinearConcat": 1,
        "QLinearConv": 7,
        "QLinearGlobalAveragePool": 4,
        "QLinearLeakyRelu": 4,
        "QLinearMatMul": 7,
        "QLinearMul": 7,
        "QLinearSigmoid": 4,
        "QLinearSoftmax": 4,
    }
)
#: Operators that hand on the type they read.
_MOVING = frozenset(
    {"Flatten", "MaxPool", "NhwcMaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)
_LIKE_THEIR_INPUT = frozenset({"QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax"})
_WINDOWED = frozenset({"MaxPool", "NhwcMaxPool", "QLinearAveragePool", "QLinearConv"})

Shape = tuple[int, ...]


def complete(graph: ir.Graph) -> None:
    """Gives values their type and shape where both follow from the node that writes them."""
    for node in graph:
        if not node.outputs:
            continue
        output = node.outputs[0]
        if output.dtype is None and (dtype := _dtype(node)) is not None:
            output.type = ir.TensorType(dtype)
        if output.shape is None and (shape := _shape(node)) is not None:
            output.shape = ir.Shape(shape)


def _dtype(node: ir.Node) -> ir.DataType | None:
    index = 0 if node.op_type in _MOVING else _ZERO_POINTS.get(node.op_type)
    if index is None:
        return None
    if index >= len(node.inputs) or node.inputs[index] is None:
        return ir.DataType.FLOAT if node.op_type == "QGemm" else None
    source = node.inputs[index]
    return None if source is None else source.dtype


def _shape(node: ir.Node) -> Shape | None:
    source = _known(node.inputs[0] if node.inputs else None)
    if node.op_type == "QLinearConcat" or source is None:
        return _concatenated(node) if node.op_type == "QLinearConcat" else None
    if node.op_type in ("QLinearAdd", "QLinearMul"):
        other = _known(node.inputs[3])
        return None if other is None else tuple(np.broadcast_shapes(source, other))
    if node.op_type in _LIKE_THEIR_INPUT:
        return source
    if node.op_type == "QGemm":
        weight = _known(node.inputs[3])
        side = 0 if _integer(node, "transB", 0) else 1
        return None if weight is None else (source[0], weight[side])
    if node.op_type == "Transpose":
        order = _ints(node, "perm", tuple(reversed(range(len(source)))))
        return tuple(source[axis] for axis in order)
    if node.op_type == "Flatten":
        axis = _integer(node, "axis", 1)
        return int(np.prod(source[:axis])), int(np.prod(source[axis:]))
    if node.op_type == "QLinearGlobalAveragePool":
        last = _is_channels_last(node)
        return (source[0], 1, 1, source[-1]) if last else (*source[:2], 1, 1)
    return _windowed(node, source) if node.op_type in _WINDOWED else None


def _concatenated(node: ir.Node) -> Shape | None:
    parts = [_known(value) for value in node.inputs[2::3]]
    if not parts or any(part is None for part in parts):
        return None
    axis = _integer(node, "axis", 1)
    whole = list(parts[0] or ())
    whole[axis] = sum(part[axis] for part in parts if part is not None)
    return tuple(whole)


def _windowed(node: ir.Node, source: Shape) -> Shape | None:
    """Of convolutions and pools, channels first or last."""
    last = _is_channels_last(node)
    size = source[1:-1] if last else source[2:]
    channels = source[-1] if last else source[1]
    kernel = _ints(node, "kernel_shape", ())
    if node.op_type == "QLinearConv":
        weight = _known(node.inputs[3])
        if weight is None:
            return None
        channels, kernel = weight[0], weight[2:]
    rank = len(size)
    strides, dilations = _ints(node, "strides", (1,) * rank), _ints(node, "dilations", (1,) * rank)
    pads = _ints(node, "pads", (0,) * (2 * rank))
    if len(kernel) != rank or _integer(node, "ceil_mode", 0):
        return None
    reach = (dilations[i] * (kernel[i] - 1) + 1 for i in range(rank))
    room = (size[i] + pads[i] + pads[rank + i] for i in range(rank))
    spatial = tuple(
        (length - window) // max(1, stride) + 1
        for length, window, stride in zip(room, reach, strides, strict=True)
    )
    return (source[0], *spatial, channels) if last else (source[0], channels, *spatial)


def _is_channels_last(node: ir.Node) -> bool:
    return node.op_type == "NhwcMaxPool" or _integer(node, "channels_last", 0) == 1


def _known(value: ir.Value | None) -> Shape | None:
    if value is None or value.shape is None or not all(isinstance(d, int) for d in value.shape):
        return None
    return tuple(int(d) for d in value.shape)  # type: ignore[arg-type]  # checked just above


def _integer(node: ir.Node, name: str, default: int) -> int:
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_int()


def _ints(node: ir.Node, name: str, default: Shape) -> Shape:
    attribute = node.attributes.get(name)
    return default if attribute is None else tuple(attribute.as_ints())
