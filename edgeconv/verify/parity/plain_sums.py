"""What float kernels lose by adding up a mean value by value.

LiteRT's reference kernel adds the n values of a MEAN or SUM one after the other in float32. Each
addition rounds to 24 bits of what the sum has become, so that the error grows with n: a GroupNorm
over 400,000 values at once is 7e-4 off there, and 1e-5 under XNNPACK, which adds in many lanes side
by side. PyTorch adds in pairs and loses next to nothing: it cannot tell what such a kernel may
lose. TFLite files take long sums in steps (`export.tflite.long_sums`) but for axes of a prime
length; onnxruntime's normalizations are one operator each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from edgeconv.files.operations import Operation, elements
from edgeconv.files.read import read_operations
from edgeconv.runtime.session import EngineName, Kernels

#: Measured: 2^-30.0 to 2^-28.7 a value on GroupNorms of 16 thousand to 800 thousand values. The
#: bound of theory, 2^-24 a value, supposes that every rounding errs to one side as far as it can.
_IN_ORDER = 2.0**-27
#: Kernels that keep sums side by side; measured: 2^-35.2 to 2^-34.4 a value under XNNPACK, in
#: onnxruntime up to 2^-31.9 in InstanceNormalization and 2^-31.3 in LayerNormalization.
_SIDE_BY_SIDE: Mapping[EngineName, float] = {"litert": 2.0**-31, "onnxruntime": 2.0**-29}


def longest_sum(files: Iterable[Path]) -> int:
    """How many values one sum of some float files adds up, at most; 0 where there is none.

    Raises:
        ArtifactRefused: one is no file of its format, or is damaged.
    """
    return max((_summed(o) for file in files for o in read_operations(file).operations), default=0)


def lost(values: int, kernels: Kernels, engine: EngineName) -> float:
    """The relative error that a sum of so many values may have."""
    return values * (_IN_ORDER if adds_in_order(kernels, engine) else _SIDE_BY_SIDE[engine])


def adds_in_order(kernels: Kernels, engine: EngineName) -> bool:
    """Whether kernels add up one value after the other."""
    return kernels == "reference" and engine == "litert"


def _summed(operation: Operation) -> int:
    """Values of one sum; a tensor's shape may be the one it had before a Reshape."""
    if not operation.reads:
        return 0
    shape = [size or 1 for size in operation.reads[0].shape]
    if operation.type in ("InstanceNormalization", "LayerNormalization"):
        factors = math.prod(size or 1 for size in operation.reads[1].shape)
        has_each = operation.type == "LayerNormalization"  # one for each value, not each channel
        return factors if has_each else math.prod(shape[1:]) // max(1, factors)
    if not operation.adds_up:
        return 0
    return math.prod(shape) // max(1, sum(elements(tensor.shape) for tensor in operation.writes))
