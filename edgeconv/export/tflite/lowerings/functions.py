"""Functions of each value by itself: angles, whole numbers, signs, remainders, erf."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, Lowering
from edgeconv.export.tflite.lowerings.composition import HUGE, Composition, begin
from edgeconv.export.tflite.lowerings.elementwise import operands_of, unary
from edgeconv.export.tflite.program import Tensor
from edgeconv.graph.view import integer

#: erf(x) = x P(x^2) / Q(x^2) on [-4, 4], beyond which float32 has nothing but -1 and 1:
#: coefficients from the highest power down, of Eigen's generic_fast_erf_float (SpecialFunctions).
#: Computed in float32 it is within 4.5e-7 of the value, in proportion, everywhere.
_ERF_P = (
    *(-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05),
    *(-7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02),
)
_ERF_Q = (
    *(-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03),
    -1.42647390514189e-02,
)

_SIGNS = (("low", -1.0), ("high", 1.0))


def tangent(node: ir.Node, b: Builder) -> None:
    """Tan -> SIN / COS."""
    x, c = begin(node, b)
    c.write("DIV", c.step("sine", "SIN", x), c.step("cosine", "COS", x))


def arc_tangent(node: ir.Node, b: Builder) -> None:
    """Atan -> ATAN2(x, 1): LiteRT's own kernel, which takes two tensors of one shape alone.

    The ones are made of x, which may be infinite: its sign times 0, plus 1.
    """
    x, c = begin(node, b)
    side = c.step("side", "MUL", x, HUGE, fused="relu_n1_to_1")
    c.write("ATAN2", x, c.step("one", "ADD", c.step("zero", "MUL", side, 0.0), 1.0))


def arc_sine(node: ir.Node, b: Builder) -> None:
    """Asin -> ATAN2(x, sqrt((1 - x) (1 + x)))."""
    x, c = begin(node, b)
    c.write("ATAN2", x, _other_side(x, c))


def arc_cosine(node: ir.Node, b: Builder) -> None:
    """Acos -> ATAN2(sqrt((1 - x) (1 + x)), x)."""
    x, c = begin(node, b)
    c.write("ATAN2", _other_side(x, c), x)


def _other_side(x: Tensor, c: Composition) -> Tensor:
    """sqrt(1 - x^2), without the digits that the difference of the two would lose."""
    above, below = c.step("above", "SUB", 1.0, x), c.step("below", "ADD", 1.0, x)
    return c.step("side", "SQRT", c.step("square", "MUL", above, below))


def sign(node: ir.Node, b: Builder) -> None:
    """Sign -> MUL by the largest number, clamped to [-1, 1] by the MUL itself.

    Exact but for numbers below the normal ones. TFLite's SIGN would leave XNNPACK.
    A whole number is clamped as it is.
    """
    x, c = begin(node, b)
    if x.is_whole:
        low, high = (b.scalar(f"{node.name}/{name}", value, x) for name, value in _SIGNS)
        c.write("MINIMUM", c.step("above", "MAXIMUM", x, low), high)
        return
    c.write("MUL", x, HUGE, fused="relu_n1_to_1")


def reciprocal(node: ir.Node, b: Builder) -> None:
    """Reciprocal -> 1 / x: DIV."""
    x, c = begin(node, b)
    c.write("DIV", 1.0, x)


def error_function(node: ir.Node, b: Builder) -> None:
    """Erf -> a quotient of two polynomials, 26 operators; inside a gelu it is none of these."""
    x, c = begin(node, b)
    near = c.step("near", "MAXIMUM", c.step("below", "MINIMUM", x, 4.0), -4.0)
    square = c.step("square", "MUL", near, near)
    odd = c.step("odd", "MUL", near, _polynomial("p", _ERF_P, square, c))
    c.write("DIV", odd, _polynomial("q", _ERF_Q, square, c), fused="relu_n1_to_1")


def _polynomial(name: str, coefficients: tuple[float, ...], x: Tensor, c: Composition) -> Tensor:
    """By Horner's rule, from the highest coefficient down."""
    first, second, *others = coefficients
    value = c.step(name, "ADD", c.step(name, "MUL", x, first), second)
    for coefficient in others:
        value = c.step(name, "ADD", c.step(name, "MUL", value, x), coefficient)
    return value


def remainder(node: ir.Node, b: Builder) -> None:
    """Mod with the dividend's sign -> that sign times FLOOR_MOD of the absolute values.

    FLOOR_MOD itself gives the divisor's sign, as Mod does of whole numbers without `fmod`; with it,
    theirs is x - (x / y) y, for DIV rounds towards zero. All are LiteRT's own kernels, and exact.
    """
    operands, layout = operands_of(node, b)
    c = Composition(node, b, layout)
    if operands[0].is_whole:
        if not integer(node, "fmod", 0):
            c.write("FLOOR_MOD", *operands)
            return
        quotient = c.step("quotient", "DIV", *operands)
        c.write("SUB", operands[0], c.step("whole", "MUL", quotient, operands[1]))
        return
    size, divisor = (_size_of(operand, b, c) for operand in operands)
    left = c.step("left", "FLOOR_MOD", size, divisor)
    c.write("MUL", left, c.step("sign", "MUL", operands[0], HUGE, fused="relu_n1_to_1"))


def _size_of(operand: Tensor, b: Builder, c: Composition) -> Tensor:
    if operand.data is None:
        return c.step("size", "ABS", operand)
    return b.floats(f"{operand.name}/size", np.abs(operand.data))


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "Acos": arc_cosine,
        "Asin": arc_sine,
        "Atan": arc_tangent,
        "Ceil": unary("CEIL"),
        "Cos": unary("COS"),
        "Erf": error_function,
        "Floor": unary("FLOOR"),
        "Mod": remainder,
        "Reciprocal": reciprocal,
        "Round": unary("ROUND"),
        "Sign": sign,
        "Sin": unary("SIN"),
        "Tan": tangent,
    }
)
