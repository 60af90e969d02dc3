"""Pools and reductions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from edgeconv.errors import UnsupportedOperator
from edgeconv.graph.view import (
    input_of,
    integer,
    ints,
    keeps_axes,
    reduced_axes,
    shape_of,
)
from edgeconv.quantize.simulate.arithmetic import change_scale, to_int8
from edgeconv.quantize.simulate.fixed_point import Multiplier, rescale
from edgeconv.quantize.simulate.step import Array, Kernel, Step, centred
from edgeconv.quantize.simulate.windows import windows_of


def max_pool(step: Step) -> Kernel:
    """MAX_POOL_2D: integers as they are; what is padded never wins."""
    windows = windows_of(step.node, ints(step.node, "kernel_shape", ()))

    def kernel(inputs: Sequence[Array]) -> Array:
        image = windows.padded(inputs[0], -128)
        highest = np.full((*image.shape[:2], *windows.output), -128, np.int8)
        for _, seen in windows.taps(image):
            np.maximum(highest, seen, out=highest)
        return highest

    return kernel


def average_pool(step: Step) -> Kernel:
    """AVERAGE_POOL_2D: the integers' mean, rounded half away from zero.

    Padding that counts holds the zero point.
    """
    node = step.node
    windows = windows_of(node, ints(node, "kernel_shape", ()))
    if windows.dilations != (1, 1):
        raise UnsupportedOperator(f"AveragePool {node.name} is dilated")
    counting = integer(node, "count_include_pad", 0) == 1
    counts = windows.counts(includes_padding=counting)
    fill = int(step.seen(0).zero_point) if counting else 0

    def kernel(inputs: Sequence[Array]) -> Array:
        image = windows.padded(inputs[0].astype(np.int64), fill)
        sums = np.zeros((*image.shape[:2], *windows.output), np.int64)
        for _, seen in windows.taps(image):
            sums += seen
        return divided(sums, counts).astype(np.int8)

    return kernel


def divided(sums: Array, counts: Array) -> Array:
    """Integer division rounded to nearest, ties away from zero."""
    quotient: Array = np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)
    return quotient


def mean(step: Step) -> Kernel:
    """MEAN: the sum of steps, rescaled by input scale / (output scale * count)."""
    axes, keep = reduced_axes(step.node), keeps_axes(step.node)
    source, output = step.seen(0), step.output
    shape = shape_of(input_of(step.node))
    count = math.prod(shape[axis] for axis in axes)
    factor = _mean_factor(float(source.scale) / float(output.scale), count)

    def kernel(inputs: Sequence[Array]) -> Array:
        sums = centred(inputs[0], source).sum(axis=axes, keepdims=keep)
        return to_int8(rescale(sums, factor), output)

    return kernel


def _mean_factor(ratio: float, count: int) -> Multiplier:
    """The fixed-point ratio divided by the count, as the kernel divides it: truncated."""
    whole = Multiplier.of(ratio)
    shift = min(count.bit_length() - 1, 32, 31 + int(whole.shift))
    mantissa = (int(whole.mantissa) << shift) // count
    return Multiplier(np.asarray(mantissa, np.int64), whole.shift - shift)


def _extreme(step: Step, reduce: Callable[..., Array]) -> Kernel:
    """REDUCE_MAX, REDUCE_MIN: integers compared on the output's scale."""
    axes, keep = reduced_axes(step.node), keeps_axes(step.node)
    source, output = step.seen(0), step.output
    return lambda inputs: reduce(change_scale(inputs[0], source, output), axis=axes, keepdims=keep)


KERNELS: Mapping[str, Callable[[Step], Kernel]] = MappingProxyType(
    {
        "AveragePool": average_pool,
        "GlobalAveragePool": mean,
        "GlobalMaxPool": lambda step: _extreme(step, np.max),
        "MaxPool": max_pool,
        "ReduceMax": lambda step: _extreme(step, np.max),
        "ReduceMean": mean,
        "ReduceMin": lambda step: _extreme(step, np.min),
    }
)
