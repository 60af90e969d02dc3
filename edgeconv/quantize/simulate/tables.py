"""Operators of one int8 value: computed once for all 256 of them, then looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.errors import UnsupportedOperator
from edgeconv.graph.fusion import clip_bounds
from edgeconv.graph.view import number
from edgeconv.quantize.plan.affine import params as per_tensor
from edgeconv.quantize.plan.parameters import QuantParams
from edgeconv.quantize.simulate.arithmetic import (
    add,
    change_scale,
    leaky,
    multiply,
    quantized,
    reals,
    to_int8,
)
from edgeconv.quantize.simulate.fixed_point import half_away
from edgeconv.quantize.simulate.step import Array, Kernel, Step, clamp_integers

_EVERY = np.arange(-128, 128, dtype=np.int8)

#: All int8 values of the input, the node, input and output parameters -> output values.
Table = Callable[[Array, ir.Node, QuantParams, QuantParams], Array]


def _looked_up(table: Table) -> Callable[[Step], Kernel]:
    def compile_(step: Step) -> Kernel:
        values = table(_EVERY, step.node, step.seen(0), step.output)

        def kernel(inputs: Sequence[Array]) -> Array:
            looked_up: Array = values[inputs[0].astype(np.int16) + 128]
            return looked_up

        return kernel

    return compile_


def computed_in_float(function: Callable[[Array], Array]) -> Table:
    """DEQUANTIZE, the function in float32, QUANTIZE: what the file has for these operators."""

    def table(x: Array, _: ir.Node, source: QuantParams, output: QuantParams) -> Array:
        return quantized(function(reals(x, source)), output)

    return table


def real_function(function: Callable[[Array], Array]) -> Table:
    """LiteRT's own lookup tables: the function in reals, rounded half away from zero."""

    def table(x: Array, _: ir.Node, source: QuantParams, output: QuantParams) -> Array:
        steps = half_away(function(reals(x, source).astype(np.float64)) / float(output.scale))
        return to_int8(steps.astype(np.int64), output)

    return table


def _clamp(x: Array, node: ir.Node, source: QuantParams, output: QuantParams) -> Array:
    """RELU, RELU6, or QUANTIZE with MAXIMUM and MINIMUM: rescaled, then clamped."""
    bounds = clip_bounds(node)
    if bounds is None:
        raise UnsupportedOperator(f"Clip {node.name} has bounds computed at run time")
    low, high = clamp_integers(bounds, output)
    clamped: Array = np.clip(change_scale(x, source, output), low, high)
    return clamped


def _hard_swish(x: Array) -> Array:
    swished: Array = x * np.clip(x + 3, 0, 6) / 6
    return swished


def _elu(x: Array, node: ir.Node, source: QuantParams, output: QuantParams) -> Array:
    alpha = number(node, "alpha", 1.0)
    bent = real_function(lambda v: np.where(v < 0, alpha * np.expm1(np.minimum(v, 0)), v))
    return bent(x, node, source, output)


def _hard_sigmoid(x: Array, node: ir.Node, source: QuantParams, output: QuantParams) -> Array:
    """ADD of beta / alpha, clamped to [0, 1 / alpha] by its scale, then MUL by alpha."""
    alpha, beta = number(node, "alpha", 0.2), number(node, "beta", 0.5)
    high = 6.0 if abs(alpha - 1 / 6) < 1e-6 else 1 / alpha
    top = per_tensor(high / 255, -128)
    ramp = add(x, *_operand(beta / alpha, lambda offset: (source, offset, top)))
    return multiply(ramp, *_operand(1 / high, lambda slope: (top, slope, output)))


def _operand(
    value: float,
    arrange: Callable[[QuantParams], tuple[QuantParams, QuantParams, QuantParams]],
) -> tuple[Array, tuple[QuantParams, QuantParams, QuantParams]]:
    """A one-element constant on a scale of its own, and the parameters around it."""
    scale = abs(value) / 127 or 1.0
    return np.array([round(value / scale)], np.int8), arrange(per_tensor(scale, 0))


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "Abs": computed_in_float(np.abs),
        "Clip": _clamp,
        "Elu": _elu,
        "Exp": computed_in_float(np.exp),
        "HardSigmoid": _hard_sigmoid,
        "HardSwish": computed_in_float(_hard_swish),
        "LeakyRelu": leaky,
        "Relu": _clamp,
        "Sigmoid": real_function(_sigmoid),
        "Tanh": real_function(np.tanh),
    }
)

KERNELS: Mapping[str, Callable[[Step], Kernel]] = MappingProxyType(
    {op_type: _looked_up(table) for op_type, table in TABLES.items()}
)
