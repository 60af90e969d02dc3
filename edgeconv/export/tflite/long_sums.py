"""A long float sum is taken in steps.

    x (N, H, W, C) -> MEAN over H and W
    x (N, H, W, C) -> MEAN over H -> MEAN over W

    x (N, 4096) -> MEAN over 4096
    x (N, 4096) -> RESHAPE (N, 64, 64) -> MEAN over 64 -> MEAN over 64

Kernels add up values in float32, XNNPACK's too, and each addition rounds to 24 bits of what the sum
has become: the mean of 256 x 256 values is up to 1e-5 off, taken axis by axis 5e-7, in 0.3 to 1.1
of the time (measured on x86; after the first axis little is left to add). Where a deviation is
small beside its mean, as in a LayerNorm of 65,536 values of which most are zero, 1e-4 becomes 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edgeconv.export.tflite.program import Operator, Program, Tensor, computed, constant
from edgeconv.export.tflite.schema import schema

#: Values of a sum that is taken at once: 1e-6 is lost of them at most.
_MOST = 1_000
#: Axes that the kernels are sure to take.
_MOST_AXES = 5
_ADDING_UP = ("MEAN", "SUM")


@dataclass(frozen=True)
class _Axis:
    """An axis of what is added up, or a part of one."""

    size: int
    is_summed: bool

    @property
    def is_wide(self) -> bool:
        return self.is_summed and self.size > 1


def in_steps(program: Program) -> Program:
    """The program with each float MEAN and SUM of over a thousand values taken along one axis after
    the other, long axes in two.
    """
    operators = tuple(step for operator in program.operators for step in _steps(operator))
    return replace(program, operators=operators)


def _steps(operator: Operator) -> Iterator[Operator]:
    whole = _axes(operator)
    axes = _divided(whole)
    if math.prod(axis.size for axis in axes if axis.is_summed) <= _MOST or not _several(axes):
        yield operator
        return
    x, result = operator.read(0), operator.outputs[0]
    if axes != whole:
        divided = computed(f"{result.name}/parts", _sizes(axes), x.dtype)
        yield _reshape(x, divided)
        x = divided
    keeps = operator.options.keepDims and axes == whole
    while _several(axes):  # the outermost first: rows are added to rows
        first = next(index for index, axis in enumerate(axes) if axis.is_wide)
        left = (_Axis(1, True),) if keeps else ()
        axes = (*axes[:first], *left, *axes[first + 1 :])
        total = computed(f"{result.name}/sum_{len(_sizes(axes))}_{first}", _sizes(axes), x.dtype)
        yield _over(operator, x, [first], total, keeps)
        x = total
    summed = [index for index, axis in enumerate(axes) if axis.is_summed]
    shape = tuple(1 if a.is_summed else a.size for a in axes if keeps or not a.is_summed)
    total = result if shape == result.shape else computed(f"{result.name}/flat", shape, x.dtype)
    yield _over(operator, x, summed, total, keeps)
    if total is not result:
        yield _reshape(total, result)


def _axes(operator: Operator) -> tuple[_Axis, ...]:
    """Of what a float MEAN or SUM reads; none of another operator."""
    if operator.code not in _ADDING_UP or operator.outputs[0].dtype != np.float32:
        return ()
    shape = operator.read(0).shape
    summed = {int(axis) % len(shape) for axis in operator.read(1).values}
    return tuple(_Axis(size, index in summed) for index, size in enumerate(shape))


def _divided(axes: tuple[_Axis, ...]) -> tuple[_Axis, ...]:
    """With each long axis as two, if that is not more than the kernels take."""
    parts = tuple(
        replace(axis, size=size)
        for axis in axes
        for size in (_factors(axis.size) if axis.is_summed else (axis.size,))
    )
    return parts if len(parts) <= _MOST_AXES else axes


def _factors(size: int) -> tuple[int, ...]:
    """A long size as a product of two, as like as there are; a prime stays."""
    if size <= _MOST:
        return (size,)
    less = next(factor for factor in range(math.isqrt(size), 0, -1) if size % factor == 0)
    return (size // less, less) if less > 1 else (size,)


def _several(axes: tuple[_Axis, ...]) -> bool:
    return sum(axis.is_wide for axis in axes) > 1


def _sizes(axes: tuple[_Axis, ...]) -> tuple[int, ...]:
    return tuple(axis.size for axis in axes)


def _over(operator: Operator, x: Tensor, axes: list[int], result: Tensor, keeps: bool) -> Operator:
    where = constant(f"{result.name}/axes", np.array(axes, np.int32))
    options = schema.ReducerOptionsT(keepDims=keeps)
    return replace(operator, inputs=(x, where), outputs=(result,), options=options)


def _reshape(x: Tensor, result: Tensor) -> Operator:
    shape = np.array(result.shape, np.int32)
    options = schema.ReshapeOptionsT(newShape=shape)
    return Operator("RESHAPE", (x, constant(f"{result.name}/shape", shape)), (result,), options)
