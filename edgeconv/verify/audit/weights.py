"""Integer weights of an ONNX file's layers, whichever form they are held in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import constant_of, integer

#: Places of weight, scale and zero point of onnxruntime's own operators.
_PLACES = {
    "QLinearConv": (3, 4, 5),
    "QLinearMatMul": (3, 4, 5),
    "QGemm": (3, 4, 5),
    "ConvInteger": (1, None, 3),
    "MatMulInteger": (1, None, 3),
}
_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


@dataclass(frozen=True, eq=False)
class Weight:
    """A layer's integers.

    Attributes:
        node: the layer.
        values: in the file's order.
        scale: one, or one for each channel.
        zero_point: likewise.
        channels: how many outputs the layer has.
    """

    node: ir.Node
    values: NDArray[Any]
    scale: NDArray[Any]
    zero_point: NDArray[Any]
    channels: int

    @property
    def is_shifted(self) -> bool:
        """Whether zero is not where a symmetric type has it: 0, or 128 of uint8."""
        middle = 128 if self.values.dtype == np.uint8 else 0
        return bool(np.any(self.zero_point.astype(np.int32) != middle))


def weights_of(graph: ir.Graph) -> list[Weight]:
    """Every layer with integer weights."""
    found = []
    for node in graph:
        weight = _qdq(node) if node.op_type in _LAYERS else _qoperator(node)
        if weight is not None:
            found.append(weight)
    return found


def _qdq(node: ir.Node) -> Weight | None:
    value = node.inputs[1] if len(node.inputs) > 1 else None
    producer = None if value is None else value.producer()
    if producer is None or producer.op_type != "DequantizeLinear":
        return None
    values, scale = constant_of(producer.inputs[0]), constant_of(producer.inputs[1])
    if values is None or scale is None:
        return None
    zero = constant_of(producer.inputs[2]) if len(producer.inputs) > 2 else None
    return _weight(node, values, scale, zero)


def _qoperator(node: ir.Node) -> Weight | None:
    if node.op_type not in _PLACES:
        return None
    weight, scale, zero = (
        constant_of(node.inputs[i]) if i is not None and i < len(node.inputs) else None
        for i in _PLACES[node.op_type]
    )
    if weight is None:
        return None
    if scale is None:
        scale = _scale_behind(node)
    return _weight(node, weight, np.ones(1) if scale is None else scale, zero)


def _scale_behind(node: ir.Node) -> NDArray[Any] | None:
    """The weight's scale of a ConvInteger or MatMulInteger: its product is cast, and multiplied by
    both scales, of which that of the activations is computed."""
    value, product = node.outputs[0], None
    for kind in ("Cast", "Mul"):
        uses = tuple(value.uses())
        if len(uses) != 1 or uses[0].node.op_type != kind:
            return None
        product, value = uses[0].node, uses[0].node.outputs[0]
    for factor in product.inputs if product is not None else ():
        scales = None if factor is None else factor.producer()
        if scales is not None and scales.op_type == "Mul":
            found = [constant_of(value) for value in scales.inputs]
            return next((array.reshape(-1) for array in found if array is not None), None)
    return None


def _weight(
    node: ir.Node, values: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any] | None
) -> Weight:
    """The weight with its output channels first."""
    axis = 0
    if node.op_type == "ConvTranspose":
        axis = 1
    elif "MatMul" in node.op_type:
        axis = values.ndim - 1
    elif node.op_type in ("Gemm", "QGemm"):
        axis = 0 if integer(node, "transB", 0) else 1
    moved = np.moveaxis(values, min(axis, values.ndim - 1), 0) if values.ndim else values
    shift = np.zeros(1, np.int32) if zero is None else zero
    return Weight(node, moved, scale, shift, len(moved) if moved.ndim else 1)
