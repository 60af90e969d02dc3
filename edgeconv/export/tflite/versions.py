"""Operator versions: the lowest one whose kernels know the features an operator uses.

A runtime refuses an operator whose version it does not know, so the version is the lowest that will
do. Which version knows what stands in the operator's row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np

from edgeconv.export.tflite.program import Operator
from edgeconv.files.tflite.builtins.operator import Feature
from edgeconv.files.tflite.builtins.table import builtin

_OLDEST_RUNTIME = (2, 3, 0)


def version(operator: Operator) -> int:
    """The lowest version of an operator whose kernels can run it."""
    known = builtin(operator.code).versions
    return next((version for feature, version in known if _USES[feature](operator)), 1)


def minimum_runtime(operators: Iterable[Operator]) -> str:
    """The oldest TensorFlow Lite runtime that knows all of them, such as "2.3.0"."""
    found = _OLDEST_RUNTIME
    for operator in operators:
        runtimes = dict(builtin(operator.code).runtimes)
        found = max(found, runtimes.get(version(operator), found))
    return ".".join(map(str, found))


def _is_int8(operator: Operator) -> bool:
    return any(t is not None and t.is_int8 for t in operator.inputs)


def _is_int16(operator: Operator) -> bool:
    return any(t is not None and t.dtype == np.int16 for t in (*operator.inputs, *operator.outputs))


def _is_hybrid(operator: Operator) -> bool:
    """Whether an operator multiplies float activations with int8 weights, scaled per channel."""
    x, weight = operator.inputs[:2]
    return x is not None and weight is not None and x.dtype == np.float32 and weight.is_int8


def _is_int8_per_channel(operator: Operator) -> bool:
    return any(
        t is not None and t.is_int8 and t.quantization is not None and len(t.quantization.scale) > 1
        for t in operator.inputs
    )


def _has_groups(operator: Operator) -> bool:
    x, weight = operator.inputs[:2]
    return x is not None and weight is not None and x.shape[3] != weight.shape[3]


def _is_dilated(operator: Operator) -> bool:
    return bool(operator.options.dilationHFactor != 1 or operator.options.dilationWFactor != 1)


def _rank(operator: Operator) -> int:
    return max(len(t.shape) for t in operator.inputs if t is not None)


def _broadcasts(operator: Operator) -> bool:
    return len({t.shape for t in operator.inputs if t is not None}) > 1


def _grows(operator: Operator) -> bool:
    """Whether a product of two integers is a multiple of its output's scale, not a part of it."""
    if not _is_int8(operator):
        return False
    first, second = (np.float32(t.scale) for t in operator.inputs if t is not None)
    return bool(first * second / operator.outputs[0].scale >= 1)


_USES: Mapping[Feature, Callable[[Operator], bool]] = MappingProxyType(
    {
        "int8": _is_int8,
        "int16": _is_int16,
        "float16": lambda o: any(t is not None and t.dtype == np.float16 for t in o.inputs),
        "int8 per channel": _is_int8_per_channel,
        "int8 weights": _is_hybrid,
        "groups": _has_groups,
        "dilation": _is_dilated,
        "bias": lambda o: len(o.inputs) == 4,
        "no bias": lambda o: o.inputs[2] is None,
        "all dimensions kept": lambda o: bool(o.options.keepNumDims),
        "over 4 axes": lambda o: _rank(o) > 4,
        "over 5 axes": lambda o: _rank(o) > 5,
        "broadcast over 4 axes": lambda o: _broadcasts(o) and _rank(o) > 4,
        "factor of 1 or more": _grows,
        "batch": lambda o: bool(o.options.batchDims),
        "half pixels": lambda o: bool(o.options.halfPixelCenters),
        "corners aligned": lambda o: bool(o.options.alignCorners),
    }
)
