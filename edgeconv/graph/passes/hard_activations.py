"""Recognises the hard sigmoid and hard swish where a net spells them out.

Howard et al., "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244, section 5.2:

    hard_sigmoid(x) = relu6(x + 3) / 6      hard_swish(x) = x * hard_sigmoid(x)
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from edgeconv.graph.fusion import clip_bounds
from edgeconv.graph.passes.edit import replace_chain
from edgeconv.graph.view import constant_of, number, sole_consumer

#: Slope and offset of the hard sigmoid in a hard swish.
ALPHA, BETA = 1 / 6, 0.5


def recognise_hard_activations(model: ir.Model) -> None:
    """Replaces the spelled-out forms by single operators.

    Case 1: Clip(x + 3, 0, 6) / 6                  -> HardSigmoid(x), alpha 1/6, beta 1/2
    Case 2: x * Clip(x + 3, 0, 6) / 6              -> HardSwish(x)
    Case 3: x * HardSigmoid(x), alpha 1/6, beta 1/2 -> HardSwish(x)
    Case 4: Clip(x, 0, no upper bound)             -> Relu(x)
    """
    for node in tuple(model.graph):
        if clip_bounds(node) == (0.0, math.inf) and node.op_type == "Clip":
            replace_chain(model, [node], "Relu", node.inputs[0])  # case 4
        elif _sixth_of(node) is not None:
            _from_sixth(model, node)
    for node in tuple(model.graph):
        if node.op_type == "HardSigmoid" and _is_sixth_slope(node):
            _to_hard_swish(model, node)  # case 3


def _from_sixth(model: ir.Model, node: ir.Node) -> None:
    """Cases 1 and 2: what is divided by six decides."""
    dividend = _sixth_of(node)
    producer = dividend.producer() if dividend is not None else None
    if dividend is None or producer is None or sole_consumer(dividend) is None:
        return
    source = _shifted_relu6(producer)
    if source is not None:
        replace_chain(model, [node], "HardSigmoid", source, alpha=ALPHA, beta=BETA)
    elif producer.op_type == "Mul":
        for value, clipped in (producer.inputs, producer.inputs[::-1]):
            clip = clipped.producer() if clipped is not None else None
            if clip is not None and value is not None and _shifted_relu6(clip) is value:
                replace_chain(model, [node], "HardSwish", value)
                return


def _to_hard_swish(model: ir.Model, node: ir.Node) -> None:
    consumer = sole_consumer(node.outputs[0])
    source = node.inputs[0]
    if consumer is None or consumer.op_type != "Mul" or source is None:
        return
    if any(value is source for value in consumer.inputs):
        replace_chain(model, [consumer], "HardSwish", source)


def _is_sixth_slope(node: ir.Node) -> bool:
    alpha, beta = number(node, "alpha", 0.2), number(node, "beta", 0.5)
    return math.isclose(alpha, ALPHA, rel_tol=1e-6) and math.isclose(beta, BETA)


def _sixth_of(node: ir.Node) -> ir.Value | None:
    """x of a node that computes x / 6 or x * (1 / 6)."""
    if node.op_type == "Div" and _is_scalar(node.inputs[1], 6.0):
        return node.inputs[0]
    if node.op_type == "Mul":
        for value, factor in (node.inputs, node.inputs[::-1]):
            if _is_scalar(factor, 1 / 6):
                return value
    return None


def _shifted_relu6(node: ir.Node) -> ir.Value | None:
    """x of a node that computes Clip(x + 3, 0, 6)."""
    if clip_bounds(node) != (0.0, 6.0) or node.inputs[0] is None:
        return None
    add = node.inputs[0].producer()
    if add is None or add.op_type != "Add":
        return None
    for value, shift in (add.inputs, add.inputs[::-1]):
        if _is_scalar(shift, 3.0):
            return value
    return None


def _is_scalar(value: ir.Value | None, wanted: float) -> bool:
    array = constant_of(value)
    return array is not None and array.size == 1 and array.item() == np.float32(wanted)
