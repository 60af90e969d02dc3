"""Comparisons, logic, choices by truth values, and changes of type."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, Lowering
from edgeconv.export.tflite.lowerings.elementwise import operands_of, unary
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import elementwise, schema
from edgeconv.export.tflite.types import type_in_file


def paired(code: str) -> Lowering:
    """Greater, Equal, And, ... -> the operator of that name, of two operands that broadcast.

    Truth values differ where Xor is true: NOT_EQUAL. No int8: LiteRT's kernels of it rescale one
    value at a time.
    """

    def lower(node: ir.Node, b: Builder) -> None:
        operands, layout = operands_of(node, b)
        b.write(node, code, operands, layout, elementwise(code))

    return lower


def where(node: ir.Node, b: Builder) -> None:
    """Where -> SELECT_V2, which broadcasts; int8: both operands and the output on one scale."""
    (condition, *operands), layout = operands_of(node, b)
    if b.is_quantized(node):
        operands = [b.at_output_scale(node, _real(b, operand)) for operand in operands]
    b.write(node, "SELECT_V2", [condition, *operands], layout, schema.SelectV2OptionsT())


def _real(b: Builder, operand: Tensor) -> Tensor:
    """A constant that the plan made integers of, as reals again: they come on another scale."""
    if operand.data is None or not operand.is_quantized:
        return operand
    steps = operand.data.astype(np.float32) - operand.zero_point
    return b.floats(operand.name, steps * np.float32(operand.scale))


def is_nan(node: ir.Node, b: Builder) -> None:
    """IsNaN -> NOT_EQUAL of a tensor to itself, which nothing else is."""
    x = b.read(node)
    b.write(node, "NOT_EQUAL", [x, x], b.layout(node), elementwise("NOT_EQUAL"))


def cast(node: ir.Node, b: Builder) -> None:
    """Cast -> CAST: to whole numbers by truncation, to truth values as "is not zero".

    Nothing between int32 and int64, which are one type in the file.
    """
    x, layout, (value,) = b.read(node), b.layout(node), node.outputs
    if x.dtype == type_in_file(value):
        b.write_moved(node, x, [], layout)
        return
    b.write(node, "CAST", [x], layout, schema.CastOptionsT())


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "And": paired("LOGICAL_AND"),
        "Cast": cast,
        "Equal": paired("EQUAL"),
        "Greater": paired("GREATER"),
        "GreaterOrEqual": paired("GREATER_EQUAL"),
        "IsNaN": is_nan,
        "Less": paired("LESS"),
        "LessOrEqual": paired("LESS_EQUAL"),
        "Not": unary("LOGICAL_NOT"),
        "Or": paired("LOGICAL_OR"),
        "Where": where,
        "Xor": paired("NOT_EQUAL"),
    }
)
