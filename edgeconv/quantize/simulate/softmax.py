"""SOFTMAX and LOG_SOFTMAX: computed in reals, which lies within one step of the kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from edgeconv.graph.view import integer
from edgeconv.quantize.simulate.arithmetic import to_int8
from edgeconv.quantize.simulate.fixed_point import half_away
from edgeconv.quantize.simulate.step import Array, Kernel, Step, centred


def _normalized(step: Step, *, logarithm: bool) -> Kernel:
    source, output = step.seen(0), step.output
    axis = integer(step.node, "axis", -1)

    def kernel(inputs: Sequence[Array]) -> Array:
        reals = centred(inputs[0], source) * float(source.scale)
        reals -= reals.max(axis=axis, keepdims=True)
        total = np.exp(reals).sum(axis=axis, keepdims=True)
        result = reals - np.log(total) if logarithm else np.exp(reals) / total
        return to_int8(half_away(result / float(output.scale)).astype(np.int64), output)

    return kernel


KERNELS: Mapping[str, Callable[[Step], Kernel]] = MappingProxyType(
    {
        "Softmax": lambda step: _normalized(step, logarithm=False),
        "LogSoftmax": lambda step: _normalized(step, logarithm=True),
    }
)
