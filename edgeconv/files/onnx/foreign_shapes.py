"""Types and shapes of the operators onnxruntime puts into the files it has optimized.

ONNX's own inference does not know operators of the domain com.microsoft, nor anything behind them:
an integer tensor there would pass for float32 of no known shape. This fills in what an audit needs,
node by node in the graph's order, where the file does not say it itself.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.files.onnx.nodes import foreign, output_axis
from edgeconv.graph.operators.table import operator_named
from edgeconv.graph.view import integer, ints

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
    slot = 0 if _is_moving(node) else foreign(node).type_slot
    if slot is None:
        return None
    if slot >= len(node.inputs) or node.inputs[slot] is None:
        return ir.DataType.FLOAT if foreign(node).shape == "product" else None
    source = node.inputs[slot]
    return None if source is None else source.dtype


def _is_moving(node: ir.Node) -> bool:
    """Whether an operator of ONNX hands on the type it reads."""
    return operator_named(node.op_type).scales in ("moved", "tied")


def _shape(node: ir.Node) -> Shape | None:
    rule = foreign(node).shape
    source = _known(node.inputs[0] if node.inputs else None)
    if rule == "joined":
        return _concatenated(node)
    if source is None:
        return None
    if rule == "same":
        return source
    if rule == "broadcast":
        other = _known(node.inputs[3])
        return None if other is None else tuple(np.broadcast_shapes(source, other))
    if rule == "product":
        weight = _known(node.inputs[3])
        return None if weight is None else (source[0], weight[output_axis(node, 2)])
    if rule == "one":
        last = _is_channels_last(node)
        return (source[0], 1, 1, source[-1]) if last else (*source[:2], 1, 1)
    if rule == "window" or node.op_type == "MaxPool":
        return _windowed(node, source)
    return _moved(node, source)


def _moved(node: ir.Node, source: Shape) -> Shape | None:
    """Of operators of ONNX that only move values, whose input ONNX knows nothing of."""
    if node.op_type == "Transpose":
        order = ints(node, "perm", tuple(reversed(range(len(source)))))
        return tuple(source[axis] for axis in order)
    if node.op_type == "Flatten":
        axis = integer(node, "axis", 1)
        return int(np.prod(source[:axis])), int(np.prod(source[axis:]))
    return None


def _concatenated(node: ir.Node) -> Shape | None:
    parts = [_known(value) for value in node.inputs[2::3]]
    if not parts or any(part is None for part in parts):
        return None
    axis = integer(node, "axis", 1)
    whole = list(parts[0] or ())
    whole[axis] = sum(part[axis] for part in parts if part is not None)
    return tuple(whole)


def _windowed(node: ir.Node, source: Shape) -> Shape | None:
    """Of convolutions and pools, channels first or last."""
    last = _is_channels_last(node)
    size = source[1:-1] if last else source[2:]
    channels = source[-1] if last else source[1]
    kernel = ints(node, "kernel_shape", ())
    slots = foreign(node).weights
    if slots is not None:
        weight = _known(node.inputs[slots.slot])
        if weight is None:
            return None
        channels, kernel = weight[0], weight[2:]
    rank = len(size)
    strides, dilations = ints(node, "strides", (1,) * rank), ints(node, "dilations", (1,) * rank)
    pads = ints(node, "pads", (0,) * (2 * rank))
    if len(kernel) != rank or integer(node, "ceil_mode", 0):
        return None
    reach = (dilations[i] * (kernel[i] - 1) + 1 for i in range(rank))
    room = (size[i] + pads[i] + pads[rank + i] for i in range(rank))
    spatial = tuple(
        (length - window) // max(1, stride) + 1
        for length, window, stride in zip(room, reach, strides, strict=True)
    )
    return (source[0], *spatial, channels) if last else (source[0], channels, *spatial)


def _is_channels_last(node: ir.Node) -> bool:
    return node.op_type == "NhwcMaxPool" or integer(node, "channels_last", 0) == 1


def _known(value: ir.Value | None) -> Shape | None:
    if value is None or value.shape is None or not all(isinstance(d, int) for d in value.shape):
        return None
    return tuple(int(d) for d in value.shape)  # type: ignore[arg-type]  # checked just above
