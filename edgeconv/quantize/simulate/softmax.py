"""SOFTMAX: computed in reals, which lies within one step of the kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from edgeconv.graph.view import integer
from edgeconv.quantize.simulate.arithmetic import to_int8
from edgeconv.quantize.simulate.fixed_point import half_away
from edgeconv.quantize.simulate.step import Array, Kernel, Step, centred


def _softmax(step: Step) -> Kernel:
    source, output = step.seen(0), step.output
    axis = integer(step.node, "axis", -1)

    def kernel(inputs: Sequence[Array]) -> Array:
        reals = centred(inputs[0], source) * float(source.scale)
        powers = np.exp(reals - reals.max(axis=axis, keepdims=True))
        result = powers / powers.sum(axis=axis, keepdims=True)
        return to_int8(half_away(result / float(output.scale)).astype(np.int64), output)

    return kernel


KERNELS: Mapping[str, Callable[[Step], Kernel]] = MappingProxyType({"Softmax": _softmax})
