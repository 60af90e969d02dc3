"""Recognises the Gaussian error linear unit where a net spells it out.

Hendrycks and Gimpel, https://arxiv.org/abs/1606.08415:

    gelu(x) = 0.5 x (1 + erf(x / sqrt(2)))
            = 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), approximately
            = x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)), the same approximation

Sums, products and quotients may come in any order (`polynomials`), and with another factor in the
place of 0.5. ONNX has it as one operator from opset 20 on, so a graph that has one is raised from
17 to 20. Between the two, of what a hub graph holds, the axes of reductions moved from an attribute
to an input, and the modes of GridSample were renamed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant, make_node, replace_node
from edgeconv.graph.passes.polynomials import Polynomial, is_close, polynomial_of
from edgeconv.graph.view import input_of, ints, shape_of, string

_OPSET, _IR_VERSION = 20, 9
#: How far apart the parts of a gelu may lie, in operators.
_FARTHEST = 8

_TANH = math.sqrt(2 / math.pi)


@dataclass(frozen=True)
class _Form:
    """One way to write it, as polynomials.

    Attributes:
        inside: of x: what the curve is taken of; of an odd curve it may be the negative too.
        around: of x and the curve, for a gelu.
        odd: whether the curve of the negative is the negative of the curve.
        approximate: which gelu it is, in ONNX's word.
    """

    inside: Polynomial
    around: Polynomial
    odd: bool
    approximate: Literal["none", "tanh"]


_FORMS: Mapping[str, _Form] = MappingProxyType(
    {
        "Erf": _Form({(1,): math.sqrt(0.5)}, {(1, 0): 0.5, (1, 1): 0.5}, True, "none"),
        "Tanh": _Form(
            {(1,): _TANH, (3,): _TANH * 0.044715}, {(1, 0): 0.5, (1, 1): 0.5}, True, "tanh"
        ),
        "Sigmoid": _Form(
            {(1,): 2 * _TANH, (3,): 2 * _TANH * 0.044715}, {(1, 1): 1.0}, False, "tanh"
        ),
    }
)


@dataclass(frozen=True)
class _Gelu:
    """A gelu of `x`, `factor` times of which is what `last` gives."""

    x: ir.Value
    last: ir.Node
    factor: float


def recognise_gelu(model: ir.Model) -> None:
    """Replaces every spelled-out form by a single operator, and a factor that is left by a Mul."""
    found = False
    for node in tuple(model.graph):
        form = _FORMS.get(node.op_type)
        match = None if form is None else _gelu_of(node, form)
        if form is not None and match is not None:
            _replace(model, match, form.approximate)
            found = True
    if found:
        _raise_opset(model)


def _gelu_of(curve: ir.Node, form: _Form) -> _Gelu | None:
    """The gelu that a curve is part of: without a factor where there is such, else the whole."""
    for x in _before(input_of(curve)):
        inside = polynomial_of(curve.inputs[0], [x])
        sign = None if inside is None else _sign(inside, form)
        if sign is None:
            continue
        around: Polynomial = {
            powers: sign ** powers[1] * number for powers, number in form.around.items()
        }
        matches = [
            _Gelu(x, node, factor)
            for node in _behind(curve.outputs[0], x)
            if (factor := _factor(node, [x, curve.outputs[0]], around)) is not None
        ]
        plain = (match for match in matches if match.factor == 1.0)
        match = next(plain, matches[-1] if matches else None)
        if match is not None:
            return match
    return None


def _before(value: ir.Value) -> Iterator[ir.Value]:
    """A value and those that it is computed from by arithmetic, the nearest first."""
    found = [value]
    for each in found:
        yield each
        node = each.producer()
        if node is not None and operator_of(node).kind == "arithmetic" and len(found) < _FARTHEST:
            found += [
                v for v in node.inputs if v is not None and v.const_value is None and v not in found
            ]


def _behind(value: ir.Value, x: ir.Value) -> Iterator[ir.Node]:
    """The nodes that compute with a value and nothing but `x` and numbers, the nearest first."""
    found = [use.node for use in value.uses()]
    for node in found:
        if polynomial_of(node.outputs[0], [x, value]) is not None:
            yield node
            more = (use.node for use in node.outputs[0].uses())
            found += [each for each in more if each not in found and len(found) < 2 * _FARTHEST]


def _sign(inside: Polynomial, form: _Form) -> int | None:
    signs = (1, -1) if form.odd else (1,)
    return next((sign for sign in signs if is_close(inside, _times(form.inside, sign))), None)


def _factor(node: ir.Node, atoms: list[ir.Value], around: Polynomial) -> float | None:
    """How many times a gelu a node gives; None where it gives something else."""
    found = polynomial_of(node.outputs[0], atoms)
    if found is None or found.keys() != around.keys():
        return None
    if shape_of(node.outputs[0]) != shape_of(atoms[0]):
        return None
    (powers, number), *_ = found.items()
    factor = number / around[powers]
    if math.isclose(factor, 1.0, rel_tol=1e-6):
        factor = 1.0
    return factor if is_close(found, _times(around, factor)) else None


def _times(polynomial: Polynomial, factor: float) -> Polynomial:
    return {powers: factor * number for powers, number in polynomial.items()}


def _replace(model: ir.Model, match: _Gelu, approximate: str) -> None:
    stem = (match.last.name or "").rpartition("/")[0]
    shape = shape_of(match.x)
    attributes = {"approximate": approximate}
    gelu = make_node("Gelu", [match.x], name=f"{stem}/Gelu", shape=shape, attributes=attributes)
    if match.factor == 1.0:
        replace_node(model, match.last, gelu)
        return
    number = add_constant(model, f"{stem}/Gelu::factor", np.array(match.factor, np.float32))
    scaled = make_node("Mul", [gelu.outputs[0], number], name=f"{stem}/Mul", shape=shape)
    replace_node(model, match.last, gelu, scaled)


def _raise_opset(model: ir.Model) -> None:
    for node in model.graph:
        axes = ints(node, "axes", ())
        if operator_of(node).kind == "reduction" and axes:
            del node.attributes["axes"]
            node.resize_inputs(2)
            constant = add_constant(model, f"{node.name}::axes", np.array(axes, np.int64))
            node.replace_input_with(1, constant)
        if operator_of(node).kind == "sampling":
            mode = string(node, "mode", "bilinear").removeprefix("bi")
            node.attributes["mode"] = ir.AttrString("mode", mode)
    model.opset_imports[""] = _OPSET
    model.ir_version = max(model.ir_version, _IR_VERSION)
