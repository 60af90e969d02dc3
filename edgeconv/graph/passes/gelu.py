"""Recognises the Gaussian error linear unit where a net spells it out.

Hendrycks and Gimpel, https://arxiv.org/abs/1606.08415:

    gelu(x) = 0.5 x (1 + erf(x / sqrt(2)))
            = 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), approximately

ONNX has it as one operator from opset 20 on, so a graph that has one is raised from 17 to 20.
Between the two, of what a hub graph holds, only the axes of reductions moved: from an attribute to
an input.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant, replace_chain
from edgeconv.graph.view import constant_of, input_of, ints, sole_consumer

_OPSET, _IR_VERSION = 20, 9


def recognise_gelu(model: ir.Model) -> None:
    """Replaces both spelled-out forms by single operators."""
    found = False
    for node in tuple(model.graph):
        if node.op_type == "Mul" and (match := _gelu_at(node)) is not None:
            x, approximate = match
            replace_chain(model, [node], "Gelu", x, approximate=approximate)
            found = True
    if found:
        _raise_opset(model)


def _gelu_at(node: ir.Node) -> tuple[ir.Value, Literal["none", "tanh"]] | None:
    """(x, approximation) where a node is the last product of a gelu."""
    factor, factors = _product(node.outputs[0], root=node)
    if not math.isclose(factor, 0.5) or len(factors) != 2:
        return None
    for x, gate in (factors, factors[::-1]):
        inner = _plus(gate, 1.0)
        producer = None if inner is None else inner.producer()
        if producer is None:
            continue
        if producer.op_type == "Erf" and _is_multiple(producer.inputs[0], math.sqrt(0.5), x):
            return x, "none"
        if producer.op_type == "Tanh" and _is_cubic(producer.inputs[0], x):
            return x, "tanh"
    return None


def _product(value: ir.Value, root: ir.Node | None = None) -> tuple[float, list[ir.Value]]:
    """A value as a number times other values; inner products count where nobody else reads them."""
    node = value.producer()
    if node is None or (node is not root and sole_consumer(value) is None):
        return 1.0, [value]
    if node.op_type == "Mul":
        parts = [_factor(input_of(node, index)) for index in (0, 1)]
        return math.prod(number for number, _ in parts), [v for _, values in parts for v in values]
    if node.op_type == "Div" and (divisor := _scalar(node.inputs[1])):
        number, values = _factor(input_of(node))
        return number / divisor, values
    if node.op_type == "Pow" and _scalar(node.inputs[1]) == 3.0 and node.inputs[0] is not None:
        return 1.0, [node.inputs[0]] * 3
    return 1.0, [value]


def _factor(value: ir.Value) -> tuple[float, list[ir.Value]]:
    number = _scalar(value)
    return _product(value) if number is None else (number, [])


def _scalar(value: ir.Value | None) -> float | None:
    array = constant_of(value)
    return float(array.item()) if array is not None and array.size == 1 else None


def _plus(value: ir.Value, number: float) -> ir.Value | None:
    """y of a value that is y + number."""
    return next((y for y, other in _summands(value) if _scalar(other) == number), None)


def _summands(value: ir.Value) -> Iterator[tuple[ir.Value, ir.Value]]:
    """Both operands of an addition, either way round."""
    node = value.producer()
    if node is not None and node.op_type == "Add":
        first, second = input_of(node, 0), input_of(node, 1)
        yield from ((first, second), (second, first))


def _is_multiple(value: ir.Value | None, number: float, x: ir.Value, power: int = 1) -> bool:
    """Whether a value is number * x^power."""
    if value is None:
        return False
    factor, factors = _product(value)
    return math.isclose(factor, number, rel_tol=1e-6) and factors == [x] * power


def _is_cubic(value: ir.Value | None, x: ir.Value) -> bool:
    """Whether a value is sqrt(2 / pi) * (x + 0.044715 x^3)."""
    if value is None:
        return False
    factor, factors = _product(value)
    return (
        math.isclose(factor, math.sqrt(2 / math.pi), rel_tol=1e-6)
        and len(factors) == 1
        and any(y is x and _is_multiple(cube, 0.044715, x, 3) for y, cube in _summands(factors[0]))
    )


def _raise_opset(model: ir.Model) -> None:
    for node in model.graph:
        axes = ints(node, "axes", ())
        if operator_of(node).kind == "reduction" and axes:
            del node.attributes["axes"]
            node.resize_inputs(2)
            constant = add_constant(model, f"{node.name}::axes", np.array(axes, np.int64))
            node.replace_input_with(1, constant)
    model.opset_imports[""] = _OPSET
    model.ir_version = max(model.ir_version, _IR_VERSION)
