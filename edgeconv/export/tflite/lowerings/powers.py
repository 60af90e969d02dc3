"""Powers: by products and roots where those are exact, for TFLite's POW leaves XNNPACK."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, Lowering
from edgeconv.export.tflite.lowerings.composition import Composition, begin
from edgeconv.export.tflite.lowerings.elementwise import operands_of
from edgeconv.export.tflite.program import Tensor
from edgeconv.graph.view import constant_of

#: The highest power that is spelled out: three products, whose roundings add up to two of POW's.
_MOST = 8


def power(node: ir.Node, b: Builder) -> None:
    """Pow -> MULs (whole powers), SQRT (0.5), RSQRT (-0.5), DIV by such; POW otherwise.

    int8: the square only, a MUL.
    """
    exponent = constant_of(node.inputs[1])
    number = None if exponent is None or exponent.size != 1 else float(exponent.item())
    if number == 2.0:
        x, c = begin(node, b)
        c.write("MUL", x, x)
    elif number is None or abs(number) not in _SPELLED:
        operands, layout = operands_of(node, b)
        Composition(node, b, layout).write("POW", *operands)
    else:
        _spelled(node, b, number)


def _spelled(node: ir.Node, b: Builder, number: float) -> None:
    """A power of which the last step is a product, a root or a quotient."""
    x, c = begin(node, b)
    if number == 0.5:
        c.write("SQRT", x)
    elif number == -0.5:
        c.write("RSQRT", x)
    elif number == 1.5:
        c.write("MUL", x, c.step("root", "SQRT", x))
    elif number == -1.5:
        c.write("DIV", c.step("root", "RSQRT", x), x)
    elif number < 0:
        c.write("DIV", 1.0, _raised(x, int(-number), c))
    else:
        half = _raised(x, int(number) // 2, c)
        rest = _raised(x, int(number) - int(number) // 2, c)
        c.write("MUL", half, rest)


def _raised(x: Tensor, power: int, c: Composition) -> Tensor:
    """A whole power, by squares of squares."""
    if power == 1:
        return x
    half = _raised(x, power // 2, c)
    square = c.step("square", "MUL", half, half)
    return square if power % 2 == 0 else c.step("product", "MUL", square, x)


_SPELLED = frozenset({0.5, 1.5, *map(float, range(1, _MOST + 1))})

LOWERINGS: Mapping[str, Lowering] = MappingProxyType({"Pow": power})
