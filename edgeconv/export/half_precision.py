"""Whether a net may be computed in half precision: whether its values stay far within it.

A float16 TFLite file may ask XNNPACK for half-precision kernels, which ARMv8.2 has. Their largest
number is 65504; a value past it becomes infinite, and with it all that is computed from it. So the
file asks only where nothing that photos make of the net comes near.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx_ir as ir

from edgeconv.errors import RefusedError
from edgeconv.quantize.observe.observations import observe
from edgeconv.runtime.feeds import Batch

_LARGEST = float(np.finfo(np.float16).max)
#: How many times larger than anything seen a value may be: other photos make other values, and a
#: sum passes through larger ones on its way.
_MARGIN = 16.0


def fits_half_precision(model: ir.Model, inputs: Iterable[Batch]) -> bool:
    """Whether every value of a hub graph stays within half precision by a margin.

    Args:
        model: the graph, in float.
        inputs: what to run.
    """
    try:
        seen = observe(model, inputs).tensors.values()
    except RefusedError:  # a value that even float32 does not hold
        return False
    largest = max(max(-tensor.minimum, tensor.maximum) for tensor in seen)
    return largest * _MARGIN <= _LARGEST
