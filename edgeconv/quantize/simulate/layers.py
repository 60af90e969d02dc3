"""Convolutions and matrix products: exact int32 sums, then one rescaling for each channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import PlanRefused, UnsupportedOperator
from edgeconv.graph.operators.table import OPERATORS
from edgeconv.quantize.plan.weights import Layer, layer_of
from edgeconv.quantize.simulate.fixed_point import Multiplier, requantize, rescale, rescale_once
from edgeconv.quantize.simulate.products import product_of
from edgeconv.quantize.simulate.step import Array, Kernel, Step

_INT32 = 2**31
_EXACT_FLOAT32 = 2**24


def layer(step: Step) -> Kernel:
    """CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED.

    Raises:
        PlanRefused: a sum could overflow the kernels' int32 accumulator.
        UnsupportedOperator: a form of the operator the simulator does not know.
    """
    found = layer_of(step.node)
    if found is None:
        raise UnsupportedOperator(f"{step.node.op_type} {step.node.name} has no constant weight")
    weight, bias = step.constant(1), _bias(found, step)
    source, output = step.seen(0), step.output
    dtype = _exact_type(found, weight.values, bias, int(source.zero_point))
    product = product_of(step.node, weight.values.astype(dtype))
    scales = weight.params.scale.astype(np.float64).reshape(-1, 1)
    factors = Multiplier.of(float(source.scale) * scales / float(output.scale))
    zero_in: Array = np.asarray(source.zero_point, dtype)
    zero_out, limits = int(output.zero_point), step.limits
    spatial = found.operator.kind == "convolution"
    channel_axis, rescaling = (1, rescale) if spatial else (-1, rescale_once)

    def kernel(inputs: Sequence[Array]) -> Array:
        sums = np.moveaxis(product(np.subtract(inputs[0], zero_in, dtype=dtype)), channel_axis, 0)
        rows = sums.reshape(len(sums), -1)
        done = requantize(rows, factors, zero_out, limits, offset=bias, rescaling=rescaling)
        return np.moveaxis(done.reshape(sums.shape), 0, channel_axis)

    return kernel


def _bias(found: Layer, step: Step) -> NDArray[np.int64] | None:
    """Integers of the bias, (channels, 1)."""
    if found.bias is None:
        return None
    return step.constant(2).values.astype(np.int64).reshape(-1, 1)


def _exact_type(
    found: Layer, weight: NDArray[Any], bias: NDArray[np.int64] | None, zero_point: int
) -> type[np.float32] | type[np.float64]:
    """The float type in which the layer's sums are exact."""
    rows = np.moveaxis(weight, found.axis, 0).reshape(weight.shape[found.axis], -1)
    largest = max(127 - zero_point, 128 + zero_point)
    worst = int(np.abs(rows.astype(np.int64)).sum(axis=1).max(initial=0)) * largest
    added = 0 if bias is None else int(np.abs(bias).max(initial=0))
    if worst + added >= _INT32:
        raise PlanRefused(
            f"layer {found.node.name} can sum up to {worst + added}, more than an int32 "
            "accumulator holds; raise its weights' scale"
        )
    return np.float32 if worst < _EXACT_FLOAT32 else np.float64


KERNELS: Mapping[str, Callable[[Step], Kernel]] = MappingProxyType(
    {row.name: layer for row in OPERATORS.values() if row.weights is not None}
)
