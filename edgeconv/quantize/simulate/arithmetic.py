"""Sums, products, comparisons and changes of scale, element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.errors import UnsupportedOperator
from edgeconv.graph.view import number
from edgeconv.quantize.plan.affine import INT8
from edgeconv.quantize.plan.parameters import QuantParams
from edgeconv.quantize.simulate.fixed_point import Integers, Multiplier, half_away, rescale
from edgeconv.quantize.simulate.step import Array, Kernel, Step, centred, scale_of

#: Operands of ADD and SUB are shifted left by this before they are brought to one scale.
_HEADROOM = 20

Limits = tuple[int, int]


def to_int8(values: Integers, of: QuantParams, limits: Limits = INT8) -> Array:
    """Steps from zero to int8: shifted to the zero point and clamped."""
    stored: Array = np.clip(values + int(of.zero_point), *limits).astype(np.int8)
    return stored


def change_scale(x: Array, source: QuantParams, output: QuantParams) -> Array:
    """QUANTIZE from one int8 scale to another."""
    if source.key == output.key:
        return x
    factor = Multiplier.of(float(source.scale) / float(output.scale))
    return to_int8(rescale(centred(x, source), factor), output)


def add(
    x: Array,
    y: Array,
    params: tuple[QuantParams, QuantParams, QuantParams],
    limits: Limits = INT8,
    sign: int = 1,
) -> Array:
    """ADD, or SUB where `sign` is -1.

    Both operands go to the scale of twice the larger one, with 20 bits of headroom.

    Args:
        x, y: int8 operands, which broadcast.
        params: of x, of y, of the result.
        limits: lowest and highest integer of the result.
        sign: of y.
    """
    common = 2.0 * float(max(scale_of(params[0]), scale_of(params[1])))
    one, other = (
        rescale(centred(integers, of) << _HEADROOM, Multiplier.of(float(of.scale) / common))
        for integers, of in zip((x, y), params, strict=False)
    )
    factor = Multiplier.of(common / (2.0**_HEADROOM * float(params[2].scale)))
    return to_int8(rescale(one + sign * other, factor), params[2], limits)


def multiply(
    x: Array,
    y: Array,
    params: tuple[QuantParams, QuantParams, QuantParams],
    limits: Limits = INT8,
) -> Array:
    """MUL; arguments as `add`. The kernel computes the factor in float32."""
    factor = scale_of(params[0]) * scale_of(params[1]) / scale_of(params[2])
    product = centred(x, params[0]) * centred(y, params[1])
    return to_int8(rescale(product, Multiplier.of(factor)), params[2], limits)


def _addition(step: Step, sign: int) -> Kernel:
    params, limits = (step.seen(0), step.seen(1), step.output), step.limits
    return _binary(step, lambda x, y: add(x, y, params, limits, sign))


def _multiplication(step: Step) -> Kernel:
    params, limits = (step.seen(0), step.seen(1), step.output), step.limits
    return _binary(step, lambda x, y: multiply(x, y, params, limits))


def _square(step: Step) -> Kernel:
    """Pow by two: MUL of a tensor by itself."""
    params = (step.seen(0), step.seen(0), step.output)
    return lambda inputs: multiply(inputs[0], inputs[0], params)


def _extremum(step: Step, compare: Callable[[Array, Array], Array]) -> Kernel:
    """MAXIMUM, MINIMUM: they compare integers, so operands come on the output's scale."""
    output = step.output
    scales = [step.seen(i) for i in range(2)]

    def compute(x: Array, y: Array) -> Array:
        one, other = (change_scale(v, s, output) for v, s in zip((x, y), scales, strict=True))
        return compare(one, other)

    return _binary(step, compute)


def _binary(step: Step, compute: Callable[[Array, Array], Array]) -> Kernel:
    """A kernel of two operands, either of which may be a constant."""
    if len(step.node.inputs) != 2:
        raise UnsupportedOperator(f"{step.node.op_type} {step.node.name} has not two operands")
    fixed = [step.constant(i).values if step.is_constant(i) else None for i in range(2)]

    def kernel(inputs: Sequence[Array]) -> Array:
        computed = iter(inputs)
        x, y = (next(computed) if array is None else array for array in fixed)
        return compute(x, y)

    return kernel


def reals(x: Array, of: QuantParams) -> Array:
    """DEQUANTIZE: the float32 that integers stand for."""
    return centred(x, of).astype(np.float32) * scale_of(of)


def quantized(values: Array, to: QuantParams) -> Array:
    """QUANTIZE from float32: rounded half away from zero, saturated."""
    steps = half_away(values.astype(np.float32) / scale_of(to)) + int(to.zero_point)
    stored: Array = np.clip(steps, *INT8).astype(np.int8)
    return stored


def _prelu(step: Step) -> Kernel:
    """PRELU, which the file computes in float."""
    source, output, slope = step.seen(0), step.output, step.constant(1)
    factor = reals(slope.values, slope.params)

    def kernel(inputs: Sequence[Array]) -> Array:
        x = reals(inputs[0], source)
        return quantized(np.where(x >= 0, x, x * factor), output)

    return kernel


def leaky(x: Array, node: ir.Node, source: QuantParams, output: QuantParams) -> Array:
    """LEAKY_RELU."""
    slope = np.float32(number(node, "alpha", 0.01))
    kept = Multiplier.of(scale_of(source) / scale_of(output))
    bent = Multiplier.of(scale_of(source) * slope / scale_of(output))
    moved = centred(x, source)
    return to_int8(np.where(moved >= 0, rescale(moved, kept), rescale(moved, bent)), output)


KERNELS: Mapping[str, Callable[[Step], Kernel]] = MappingProxyType(
    {
        "Add": lambda step: _addition(step, 1),
        "Sub": lambda step: _addition(step, -1),
        "Mul": _multiplication,
        "Pow": _square,
        "Max": lambda step: _extremum(step, np.maximum),
        "Min": lambda step: _extremum(step, np.minimum),
        "PRelu": _prelu,
    }
)
