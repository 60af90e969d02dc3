"""BATCH_MATMUL: exact sums of products of two tensors, then one rescaling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from edgeconv.graph.operators.table import OPERATORS
from edgeconv.graph.view import input_of, shape_of
from edgeconv.quantize.plan.products import is_product
from edgeconv.quantize.simulate.fixed_point import Multiplier, requantize
from edgeconv.quantize.simulate.layers import layer
from edgeconv.quantize.simulate.step import Array, Kernel, Step, centred

#: Sums of fewer products of two 9-bit numbers stay below 2^24, where float32 is exact.
_EXACT_FLOAT32 = 2**24 // 256**2


def product(step: Step) -> Kernel:
    """BATCH_MATMUL, or what a matrix of constants makes of it."""
    if not is_product(step.node):
        return layer(step)
    grids, output, limits = (step.seen(0), step.seen(1)), step.output, step.limits
    fixed = [step.constant(i).values if step.is_constant(i) else None for i in range(2)]
    factor = float(grids[0].scale) * float(grids[1].scale) / float(output.scale)
    multiplier = Multiplier.of(np.full((1, 1), factor))
    inner = shape_of(input_of(step.node))[-1]
    dtype = np.float32 if inner < _EXACT_FLOAT32 else np.float64

    def kernel(inputs: Sequence[Array]) -> Array:
        computed = iter(inputs)
        x, y = (
            centred(next(computed) if array is None else array, grid).astype(dtype)
            for array, grid in zip(fixed, grids, strict=True)
        )
        sums = np.matmul(x, y)
        rows = sums.reshape(-1, sums.shape[-1])
        done = requantize(rows, multiplier, int(output.zero_point), limits)
        return done.reshape(sums.shape)

    return kernel


KERNELS: Mapping[str, Callable[[Step], Kernel]] = MappingProxyType(
    {row.name: product for row in OPERATORS.values() if row.kind == "product" and row.operands}
)
