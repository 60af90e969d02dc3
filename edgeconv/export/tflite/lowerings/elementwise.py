"""Arithmetic on one or two tensors, element by element."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import Layout, standard
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import absorbed, elementwise
from edgeconv.graph.view import constant_of, input_of, shape_of

Array = NDArray[Any]


def binary(code: str) -> Lowering:
    """Add, Sub, Mul, Div -> ADD, SUB, MUL, DIV.

    Both operands broadcast from their last file axis, so operands of fewer axes get leading ones in
    the hub's order first. The result lies as the operand with the most axes does. Activations fused
    for the first three. int8: three scales of their own; no DIV.
    """

    def lower(node: ir.Node, b: Builder) -> None:
        operands, layout = operands_of(node, b)
        options = elementwise(code)
        options.fusedActivationFunction = absorbed(node)
        if operands[0].dtype == np.int16 and code in ("ADD", "SUB"):
            options.potScaleInt16 = False
        b.write(node, code, operands, layout, options)

    return lower


def extremum(code: str) -> Lowering:
    """Max, Min of two -> MAXIMUM, MINIMUM, which broadcast as ADD does.

    int8: the kernels compare integers, so both operands come on the output's scale.
    """

    def lower(node: ir.Node, b: Builder) -> None:
        if len(node.inputs) != 2:
            raise CannotLower(f"has {len(node.inputs)} operands; 2 are supported")
        operands, layout = operands_of(node, b)
        if b.is_quantized(node):
            operands = [b.at_output_scale(node, operand) for operand in operands]
        b.write(node, code, operands, layout, elementwise(code))

    return lower


def unary(code: str) -> Lowering:
    """An operator on every value by itself -> one of TFLite's, in whatever layout the input lies.

    int8: not LOG, NEG and SQRT. LOGISTIC's output has scale 1/256, zero point -128; TANH's 1/128,
    0; the others two scales of their own.
    """

    def lower(node: ir.Node, b: Builder) -> None:
        b.write(node, code, [b.read(node)], b.layout(node), elementwise(code))

    return lower


def operands_of(node: ir.Node, b: Builder) -> tuple[list[Tensor], Layout]:
    """All operands with as many axes as the result, in its layout."""
    rank = len(shape_of(node.outputs[0]))
    layout = _result_layout(node, b, rank)
    return [_operand(node, b, i, rank, layout) for i in range(len(node.inputs))], layout


def _result_layout(node: ir.Node, b: Builder, rank: int) -> Layout:
    """The layout of the first computed operand that has all axes.

    Pixel order survives only beside an operand that cannot tell: a constant of one element.
    """
    for index in range(len(node.inputs)):
        value = input_of(node, index)
        if value.const_value is None and len(shape_of(value)) == rank:
            layout = b.layout(node, index)
            others = [constant_of(other) for other in node.inputs if other is not value]
            alone = all(other is not None and other.size == 1 for other in others)
            return layout if alone else Layout(layout.order)
    return standard(rank)


def _operand(node: ir.Node, b: Builder, index: int, rank: int, layout: Layout) -> Tensor:
    """An operand with as many axes as the result, in the result's layout."""
    value = input_of(node, index)
    if value.const_value is not None:
        shape = shape_of(value)
        aligned = (1,) * (rank - len(shape)) + shape
        return b.constant(node, index, lambda array: _like(array.reshape(aligned), layout))
    return b.read(node, index, layout)


def _like(array: Array, layout: Layout) -> Array:
    return array if array.size == 1 else layout.to_file(array)


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "Abs": unary("ABS"),
        "Add": binary("ADD"),
        "Div": binary("DIV"),
        "Exp": unary("EXP"),
        "Log": unary("LOG"),
        "Max": extremum("MAXIMUM"),
        "Min": extremum("MINIMUM"),
        "Mul": binary("MUL"),
        "Neg": unary("NEG"),
        "Sqrt": unary("SQRT"),
        "Sub": binary("SUB"),
    }
)
