"""Activations that are straight above zero and an exponential below: ELU and its relatives."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, Lowering
from edgeconv.export.tflite.lowerings.composition import begin
from edgeconv.graph.view import number
from edgeconv.quantize.plan.in_float import has_unit_alpha


def elu(node: ir.Node, b: Builder) -> None:
    """Elu -> ELU, whose alpha is 1; int8: two scales of their own. Another alpha: float only."""
    if has_unit_alpha(node):
        b.write(node, "ELU", [b.read(node)], b.layout(node))
    else:
        _bent(node, b, above=1.0, below=number(node, "alpha", 1.0))


def selu(node: ir.Node, b: Builder) -> None:
    """Selu -> gamma (max(x, 0) + alpha (exp(min(x, 0)) - 1)); float only."""
    gamma = number(node, "gamma", 1.0507009873554805)
    _bent(node, b, above=gamma, below=gamma * number(node, "alpha", 1.6732632423543772))


def celu(node: ir.Node, b: Builder) -> None:
    """Celu -> max(x, 0) + alpha (exp(min(x, 0) / alpha) - 1); float only."""
    alpha = number(node, "alpha", 1.0)
    _bent(node, b, above=1.0, below=alpha, inside=1 / alpha)


def _bent(node: ir.Node, b: Builder, *, above: float, below: float, inside: float = 1.0) -> None:
    """above max(x, 0) + below ELU(inside min(x, 0)): RELU, MINIMUM, ELU, MULs and ADD."""
    x, c = begin(node, b)
    positive = c.step("positive", "RELU", x)
    if above != 1.0:
        positive = c.step("straight", "MUL", positive, above)
    negative = c.step("negative", "MINIMUM", x, 0.0)
    if inside != 1.0:
        negative = c.step("narrow", "MUL", negative, inside)
    curve = c.step("scaled", "MUL", c.step("curve", "ELU", negative), below)
    c.write("ADD", positive, curve)


LOWERINGS: Mapping[str, Lowering] = MappingProxyType({"Celu": celu, "Elu": elu, "Selu": selu})
