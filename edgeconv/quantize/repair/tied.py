"""Puts channels into another order, wherever they flow, so that the net computes what it did.

The order of a layer's output channels is free as long as everything that meets them follows: the
rows of depthwise layers and of those that write a gate on them, constants of a channel each, and
the columns of the layers that read them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import (
    activation_inputs,
    array_of,
    integer,
    name_of,
    set_constant,
    shape_of,
)
from edgeconv.quantize.plan.weights import Layer
from edgeconv.quantize.repair.channel_flow import keeps_channels, scalable
from edgeconv.quantize.repair.equalize_factors import by_input_channel


@dataclass(frozen=True, eq=False)
class Tied:
    """What must follow a tensor's channels into another order.

    Attributes:
        tensors: of so many channels, in the same order, the first the one that was asked for.
        writers: layers whose rows follow.
        readers: layers whose columns follow.
        constants: those with a value for each channel, along axis 1.
    """

    tensors: dict[str, ir.Value] = field(default_factory=dict)
    writers: dict[str, Layer] = field(default_factory=dict)
    readers: dict[str, Layer] = field(default_factory=dict)
    constants: dict[str, ir.Value] = field(default_factory=dict)


def tied_to(value: ir.Value) -> Tied | None:
    """What must follow a layer's output channels; None where something that they meet cannot."""
    found, waiting = Tied(), [value]
    channels = shape_of(value)[1]
    while waiting:
        one = waiting.pop()
        if name_of(one) in found.tensors:
            continue
        found.tensors[name_of(one)] = one
        producer = one.producer()
        if producer is None or one.is_graph_output() or shape_of(one)[1:2] != (channels,):
            return None
        for node in (producer, *(use.node for use in one.uses())):
            further = _follow(node, one, channels, found)
            if further is None:
                return None
            waiting += further
    return found


def reorder(model: ir.Model, tied: Tied, order: NDArray[np.int64]) -> None:
    """Puts tied channels into another order, in place: channel i becomes what order[i] was."""
    arrays: dict[str, NDArray[np.float64]] = {}
    for layer in tied.writers.values():
        arrays[name_of(layer.weight)] = np.take(_held(layer.weight), order, axis=layer.axis)
        if layer.bias is not None:
            bias = _held(layer.bias)
            arrays[name_of(layer.bias)] = bias.reshape(-1)[order].reshape(bias.shape)
    for layer in tied.readers.values():
        name = name_of(layer.weight)
        array = np.ascontiguousarray(arrays.get(name, _held(layer.weight)))
        view = by_input_channel(layer, array)
        view[...] = view[:, :, order]
        arrays[name] = array
    for name, value in tied.constants.items():
        arrays[name] = np.take(_held(value), order, axis=1)
    for name, array in arrays.items():
        set_constant(model, name, array)


def _follow(node: ir.Node, value: ir.Value, channels: int, found: Tied) -> list[ir.Value] | None:
    """The tensors that a node beside a tensor ties to it; None where it cannot follow."""
    layer = scalable(node)
    if layer is not None:
        return _follow_layer(layer, value, channels, found)
    operator = operator_of(node)
    if operator.channels not in ("alike", "paired"):
        is_single = len(node.outputs) == 1 and len(activation_inputs(node)) == 1
        if not is_single or not keeps_channels(node):
            return None
    elif not all(_fits(held, node, channels, found) for held in node.inputs):
        return None
    return [*(source for _, source in activation_inputs(node)), *node.outputs]


def _follow_layer(
    layer: Layer, value: ir.Value, channels: int, found: Tied
) -> list[ir.Value] | None:
    name, output = name_of(layer.weight), layer.node.outputs[0]
    groups = integer(layer.node, "group", 1) if layer.operator.kind == "convolution" else 1
    if groups == channels > 1 and shape_of(layer.weight)[:2] == (channels, 1):
        found.writers[name] = layer
        return [layer.source, output]
    if groups != 1:
        return None
    if output is value:
        found.writers[name] = layer
    if layer.source is value:
        found.readers[name] = layer
    return []


def _fits(value: ir.Value | None, node: ir.Node, channels: int, found: Tied) -> bool:
    """Whether an operand of a node that keeps channels can follow, or need not."""
    if value is None or value.const_value is None:
        return True
    shape = shape_of(value)
    if len(shape) == 0 or max(shape, default=1) == 1:
        return True
    is_aligned = len(shape) == len(shape_of(node.outputs[0])) and shape[1] == channels
    if not is_aligned or len(tuple(value.uses())) != 1:
        return False
    found.constants[name_of(value)] = value
    return True


def _held(value: ir.Value) -> NDArray[np.float64]:
    return array_of(value).astype(np.float64)
