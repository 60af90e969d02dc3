"""Turns BatchNormalization into what inference needs of it: one factor and one offset a channel.

y = scale * (x - mean) / sqrt(variance + epsilon) + bias = factor * x + offset
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import (
    add_constant,
    make_channel_scale,
    make_node,
    replace_node,
    substitute,
)
from edgeconv.graph.view import (
    constant_of,
    input_of,
    integer,
    number,
    require_constant,
    shape_of,
    sole_consumer,
)


def fold_batchnorm(model: ir.Model) -> None:
    """Removes every BatchNormalization.

    Case 1: after a Conv, ConvTranspose or Gemm it is the only reader of: into the weights and the
        bias, rounded to float32 once. Views there and back may lie between, as where a Linear of
        tokens, whose product is taken of rows, is followed by a BatchNorm of rows.
    Case 2: of images anywhere else, such as before the convolutions of DenseNet: a depthwise 1 x 1
        Conv. In int8 its factors have a scale a channel and nothing is rounded between factor and
        offset; as int8 Mul and Add, one scale for all factors, an untrained DenseNet-121 loses its
        signal (0 dB against 18 dB).
    Case 3: of rows that Gemms alone read, such as a head's: into their weights and biases.
    Case 4: of anything else: a Mul and an Add with constants of shape (1, C, 1, ...).
    """
    for node in tuple(model.graph):
        if node.op_type != "BatchNormalization":
            continue
        source = input_of(node)
        factor, offset = _affine(node)
        producer = _layer_behind(source)
        if producer is not None:
            _scale_weights(model, producer, factor, offset)
            substitute(model, node.outputs[0], source)
            model.graph.remove(node, safe=True)
        elif len(shape_of(source)) == 4:
            name, constants = f"{_stem(node)}/Conv", f"{node.name}::"
            conv = make_channel_scale(model, source, factor, offset, name=name, constants=constants)
            replace_node(model, node, conv)
        elif _is_read_by_gemms(node):
            for use in node.outputs[0].uses():
                _take_before(model, use.node, factor, offset)
            substitute(model, node.outputs[0], source)
            model.graph.remove(node, safe=True)
        else:
            _spell_out(model, node, source, factor, offset)


def _affine(node: ir.Node) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scale, bias, mean, variance = (
        require_constant(node, i).astype(np.float64) for i in range(1, 5)
    )
    factor = scale / np.sqrt(variance + number(node, "epsilon", 1e-5))
    return factor, bias - mean * factor


def _layer_behind(source: ir.Value) -> ir.Node | None:
    """The layer that gives a tensor and can absorb factors; None where another node does."""
    value, producer = source, source.producer()
    while producer is not None and operator_of(producer).kind == "view":
        if sole_consumer(value) is None:
            return None
        value, producer = input_of(producer), input_of(producer).producer()
    if producer is None or shape_of(value) != shape_of(source) or not _can_absorb(producer):
        return None
    return producer


def _can_absorb(producer: ir.Node) -> bool:
    """Case 1: a convolution, or Gemm as PyTorch's Linear gives it (no factors)."""
    constant = all(constant_of(value) is not None for value in producer.inputs[1:])
    operator = operator_of(producer)
    return (
        operator.weights is not None
        and (operator.weights.filters or operator.kind == "convolution")
        and constant
        and sole_consumer(producer.outputs[0]) is not None
    )


def _scale_weights(
    model: ir.Model, producer: ir.Node, factor: NDArray[np.float64], offset: NDArray[np.float64]
) -> None:
    weight = require_constant(producer, 1)
    name = producer.name or producer.op_type
    scaled = add_constant(
        model, f"{name}::weight", _times(producer, weight, factor).astype(weight.dtype)
    )
    has_bias = len(producer.inputs) > 2 and producer.inputs[2] is not None
    before = require_constant(producer, 2).astype(np.float64) if has_bias else 0.0
    moved = add_constant(model, f"{name}::bias", (before * factor + offset).astype(weight.dtype))
    producer.resize_inputs(3)
    producer.replace_input_with(1, scaled)
    producer.replace_input_with(2, moved)


def _times(
    producer: ir.Node, weight: NDArray[Any], factor: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The weight with every output channel's part times its factor."""
    ones, weights = [1] * (weight.ndim - 2), operator_of(producer).weights
    if weights is None or weights.filters:
        rows: NDArray[np.float64] = weight * factor.reshape(-1, 1, *ones)
        return rows
    groups = integer(producer, "group", 1)  # (inputs of all groups, outputs of one, ...)
    apart = weight.reshape(groups, -1, *weight.shape[1:])
    scaled: NDArray[np.float64] = apart * factor.reshape(groups, 1, -1, *ones)
    return scaled.reshape(weight.shape)


def _is_read_by_gemms(node: ir.Node) -> bool:
    """Case 3, in the form in which `normalise_gemm` leaves them."""
    result = node.outputs[0]
    readers = [use.node for use in result.uses()]
    return (
        bool(readers)
        and not result.is_graph_output()
        and all(
            reader.op_type == "Gemm"
            and reader.inputs[0] is result
            and reader.inputs.count(result) == 1
            and all(constant_of(value) is not None for value in reader.inputs[1:])
            and integer(reader, "transB", 0) == 1
            for reader in readers
        )
    )


def _take_before(
    model: ir.Model, gemm: ir.Node, factor: NDArray[np.float64], offset: NDArray[np.float64]
) -> None:
    """weight (factor x + offset) + bias = (weight factor) x + (weight offset + bias)."""
    weight = require_constant(gemm, 1)
    exact = weight.astype(np.float64)
    bias = exact @ offset
    if len(gemm.inputs) > 2 and gemm.inputs[2] is not None:
        bias = bias + require_constant(gemm, 2)
    name = gemm.name or gemm.op_type
    gemm.resize_inputs(3)
    for index, role, values in ((1, "weight", exact * factor), (2, "bias", bias)):
        constant = add_constant(model, f"{name}::after_norm_{role}", values.astype(weight.dtype))
        gemm.replace_input_with(index, constant)


def _spell_out(
    model: ir.Model,
    node: ir.Node,
    source: ir.Value,
    factor: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> None:
    """Case 4."""
    shape = shape_of(source)
    spread = (1, -1, *[1] * (len(shape) - 2))
    name = _stem(node)
    operands = [
        add_constant(model, f"{node.name}::{role}", array.reshape(spread).astype(np.float32))
        for role, array in (("factor", factor), ("offset", offset))
    ]
    scaled = make_node("Mul", [source, operands[0]], name=f"{name}/Mul", shape=shape)
    moved = make_node("Add", [scaled.outputs[0], operands[1]], name=f"{name}/Add", shape=shape)
    replace_node(model, node, scaled, moved)


def _stem(node: ir.Node) -> str:
    """Where the node is called."""
    return (node.name or "").rpartition("/")[0]
