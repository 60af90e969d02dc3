"""Numbers that tensors are multiplied by before or after a product go into a layer's weights.

    Gemm -> Reshape -> Transpose -> Split -> Mul by 1/8 -> MatMul -> Softmax
    Gemm, the rows of the queries times 1/8 -> Reshape -> Transpose -> Split -> MatMul -> Softmax

A product is as large as either operand, so what stands behind one is taken to its first operand, or
else to its second. Only channels that nothing else reads are scaled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.divisions import is_made_whole
from edgeconv.graph.passes.edit import add_constant, substitute
from edgeconv.graph.view import (
    activation_inputs,
    constant_of,
    input_of,
    integer,
    ints,
    require_constant,
    shape_of,
    slices_of,
    sole_consumer,
)

Channels = NDArray[np.int32]


def fold_factors(model: ir.Model) -> None:
    """Takes out every Mul or Div by a number that a layer before it, or before a product, takes."""
    for node in tuple(model.graph):
        found = _factor(node)
        result = node.outputs[0]
        if found is None or result.is_graph_output() or is_made_whole(result):
            continue
        value, factor = found
        if _absorb(model, value, node, factor):
            substitute(model, result, value)
            model.graph.remove(node, safe=True)


def _factor(node: ir.Node) -> tuple[ir.Value, float] | None:
    """(x, number) where a node gives x times a finite number but zero."""
    if node.op_type not in ("Mul", "Div") or len(node.inputs) != 2:
        return None
    for index in (0, 1) if node.op_type == "Mul" else (1,):
        array, value = constant_of(node.inputs[index]), input_of(node, 1 - index)
        if array is None or array.size != 1 or value.const_value is not None:
            continue
        if shape_of(value) != shape_of(node.outputs[0]) or not float(array.reshape(())):
            continue
        number = float(array.reshape(()))
        factor = number if node.op_type == "Mul" else 1 / number
        return (value, factor) if np.isfinite(np.float32(factor)) else None
    return None


def _absorb(model: ir.Model, value: ir.Value, reader: ir.Node, factor: float) -> bool:
    """Scales what gives a value, as far as nobody but its reader sees that; whether it could."""
    source = _origin(value)
    layer = source.producer()
    if layer is None:
        return False
    if _has_filters(layer):
        return _scale_rows(model, layer, value, reader, factor)
    if operator_of(layer).kind != "product" or not _is_alone(source, value, reader):
        return False
    return any(_absorb(model, operand, layer, factor) for _, operand in activation_inputs(layer))


def _origin(value: ir.Value) -> ir.Value:
    """What a value is moved and cut from."""
    while (node := value.producer()) is not None and node.op_type in _MOVES:
        if any(constant_of(each) is None for each in node.inputs[1:]):
            break
        value = input_of(node)
    return value


def _is_alone(source: ir.Value, value: ir.Value, reader: ir.Node) -> bool:
    """Whether each value on the way from a source to a reader has no other reader."""
    while sole_consumer(value) is reader:
        if value is source:
            return True
        node = value.producer()
        if node is None:
            return False
        value, reader = input_of(node), node
    return False


def _has_filters(node: ir.Node) -> bool:
    operator = operator_of(node)
    constant = all(constant_of(value) is not None for value in node.inputs[1:])
    rows_first = operator.kind == "convolution" or integer(node, "transB", 0) == 1
    filters = operator.weights is not None and operator.weights.filters
    return filters and constant and rows_first


def _scale_rows(
    model: ir.Model, layer: ir.Node, value: ir.Value, reader: ir.Node, factor: float
) -> bool:
    """Multiplies the rows of weight and bias whose channels a reader's input is made of."""
    output = layer.outputs[0]
    shape = shape_of(output)
    channels = np.arange(shape[1], dtype=np.int32).reshape(1, -1, *[1] * (len(shape) - 2))
    mine: set[int] = set()
    others: set[int] = set()
    for held, each, reading in _reached(output, np.broadcast_to(channels, shape)):
        is_mine = each is value and reading is reader
        (mine if is_mine else others).update(np.unique(held).tolist())
    if not mine or mine & others:
        return False
    factors = np.ones(shape[1])
    factors[sorted(mine)] = factor
    for index in range(1, len(layer.inputs)):
        array = require_constant(layer, index)
        rows = factors.reshape(-1, *[1] * (array.ndim - 1))
        scaled = (array * rows).astype(array.dtype)
        layer.replace_input_with(index, add_constant(model, f"{layer.name}::scaled", scaled))
    return True


def _reached(
    value: ir.Value, held: Channels
) -> Iterator[tuple[Channels, ir.Value, ir.Node | None]]:
    """(channels, value, reader) of all that computes with a layer's output, moved and cut or not.

    Of an output of the graph the reader is None.
    """
    if value.is_graph_output():
        yield held, value, None
    for node in {use.node for use in value.uses()}:
        move = _MOVES.get(node.op_type)
        if move is None or any(constant_of(each) is None for each in node.inputs[1:]):
            yield held, value, node
            continue
        for part, output in zip(move(node, held), node.outputs, strict=True):
            yield from _reached(output, part)


def _reshape(node: ir.Node, held: Channels) -> list[Channels]:
    return [held.reshape(shape_of(node.outputs[0]))]


def _transpose(node: ir.Node, held: Channels) -> list[Channels]:
    return [held.transpose(ints(node, "perm", tuple(reversed(range(held.ndim)))))]


def _split(node: ir.Node, held: Channels) -> list[Channels]:
    axis = integer(node, "axis", 0)
    ends = np.cumsum([shape_of(value)[axis] for value in node.outputs])[:-1]
    return np.split(held, ends, axis)


def _gather(node: ir.Node, held: Channels) -> list[Channels]:
    return [np.take(held, require_constant(node, 1), axis=integer(node, "axis", 0))]


_MOVES: Mapping[str, Callable[[ir.Node, Any], list[Channels]]] = MappingProxyType(
    {
        "Flatten": _reshape,
        "Gather": _gather,
        "Reshape": _reshape,
        "Slice": lambda node, held: [held[slices_of(node)]],
        "Split": _split,
        "Squeeze": _reshape,
        "Transpose": _transpose,
        "Unsqueeze": _reshape,
    }
)
