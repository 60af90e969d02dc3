"""Integer weights of an ONNX file's layers, whichever form they are held in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.files.onnx.nodes import output_axis, weights_slots
from edgeconv.graph.operators.operator import Weights
from edgeconv.graph.view import constant_of


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
    found = (_weight_of(node) for node in graph)
    return [weight for weight in found if weight is not None]


def _weight_of(node: ir.Node) -> Weight | None:
    slots = weights_slots(node)
    if slots is None:
        return None
    if isinstance(slots, Weights):
        producer = _maker(node, slots.slot)
        if producer is None or producer.op_type != "DequantizeLinear":
            return None
        values, scale, zero = (_input(producer, i) for i in range(3))
        return None if values is None or scale is None else _weight(node, values, scale, zero)
    values, zero = _input(node, slots.slot), _input(node, slots.zero_slot)
    scale = _scale_behind(node) if slots.scale_slot is None else _input(node, slots.scale_slot)
    return None if values is None else _weight(node, values, scale, zero)


def _maker(node: ir.Node, slot: int) -> ir.Node | None:
    value = node.inputs[slot] if slot < len(node.inputs) else None
    return None if value is None else value.producer()


def _input(node: ir.Node, slot: int) -> NDArray[Any] | None:
    return constant_of(node.inputs[slot]) if slot < len(node.inputs) else None


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
    node: ir.Node, values: NDArray[Any], scale: NDArray[Any] | None, zero: NDArray[Any] | None
) -> Weight:
    """The weight with its output channels first."""
    moved = np.moveaxis(values, output_axis(node, values.ndim), 0) if values.ndim else values
    factor = np.ones(1) if scale is None else scale
    shift = np.zeros(1, np.int32) if zero is None else zero
    return Weight(node, moved, factor, shift, len(moved) if moved.ndim else 1)
