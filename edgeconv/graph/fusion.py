"""Which activations are absorbed by the operator before them.

int8 kernels clamp for free: a Relu or a Clip to [0, 6] that follows an operator as its only reader
is that operator's clamp, and the tensor between the two never exists on the device. The quantizer
must not give that tensor parameters, and the writers must not write it: all ask this module.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import constant_of, input_of, sole_consumer

ActivationKind = Literal["relu", "relu6", "relu_n1_to_1"]

BOUNDS: dict[ActivationKind, tuple[float, float]] = {
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
}


@dataclass(frozen=True)
class FusedActivation:
    """An activation node that its producer absorbs.

    Attributes:
        kind: TFLite's name of the clamp.
        node: the Relu or Clip node, whose output the producer then writes.
    """

    kind: ActivationKind
    node: ir.Node

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value that passes."""
        return BOUNDS[self.kind]


def clip_bounds(node: ir.Node) -> tuple[float, float] | None:
    """Bounds of a Relu or a Clip with constant bounds, None for any other node."""
    if node.op_type == "Relu":
        return BOUNDS["relu"]
    if node.op_type != "Clip":
        return None
    bounds = [-math.inf, math.inf]
    for i in (1, 2):
        if len(node.inputs) > i and node.inputs[i] is not None:
            array = constant_of(node.inputs[i])
            if array is None:
                return None
            bounds[i - 1] = float(array)
    return bounds[0], bounds[1]


def activation_kind(node: ir.Node) -> ActivationKind | None:
    """The TFLite clamp a Relu or Clip node is, None where it is no such node."""
    bounds = clip_bounds(node)
    return next((kind for kind, known in BOUNDS.items() if known == bounds), None)


def fused_activation(node: ir.Node) -> FusedActivation | None:
    """The activation `node` absorbs, None where it absorbs none."""
    if not operator_of(node).absorbs or len(node.outputs) != 1:
        return None
    consumer = sole_consumer(node.outputs[0])
    if consumer is None:
        return None
    kind = activation_kind(consumer)
    return None if kind is None else FusedActivation(kind, consumer)


def is_absorbed(node: ir.Node) -> bool:
    """Whether a node is an activation that the operator before it absorbs."""
    producer = None if activation_kind(node) is None else input_of(node).producer()
    return producer is not None and fused_activation(producer) is not None


def written_output(node: ir.Node) -> ir.Value:
    """The value a device really holds after `node`: past the activation it absorbs."""
    fused = fused_activation(node)
    return node.outputs[0] if fused is None else fused.node.outputs[0]


def written_outputs(node: ir.Node) -> list[ir.Value]:
    """The values a device holds after a node, past an activation it absorbs."""
    if len(node.outputs) == 1:
        return [written_output(node)]
    return [value for value in node.outputs if value.name]


def writer_of(node: ir.Node) -> ir.Node:
    """The node a device runs for this one: the one that absorbs it, or itself."""
    before = input_of(node).producer() if is_absorbed(node) else None
    return node if before is None else before
