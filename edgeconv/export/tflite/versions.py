"""Operator versions: the lowest one whose kernels know the feature an operator uses.

A runtime refuses an operator whose version it does not know, so the version is the lowest that will
do. The rules are those of TensorFlow's `lite/tools/versioning/op_version.cc`, the runtime versions
those of `runtime_version.cc` beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np

from edgeconv.export.tflite.program import Operator

#: Operators whose version 2 brought int8, and that changed in no other way used here.
#: DEPTH_TO_SPACE is missing on purpose: the same kernel runs int8 as version 1, and LiteRT's set of
#: reference kernels knows no version 2.
_INT8_IS_2 = frozenset(
    {
        "ABS",
        "ADD",
        "AVERAGE_POOL_2D",
        "CONCATENATION",
        "EXP",
        "GATHER",
        "GELU",
        "LOGISTIC",
        "LOG_SOFTMAX",
        "MAXIMUM",
        "MAX_POOL_2D",
        "MEAN",
        "MINIMUM",
        "MIRROR_PAD",
        "REDUCE_MAX",
        "REDUCE_MIN",
        "RELU",
        "RELU6",
        "RSQRT",
        "SOFTMAX",
        "SPACE_TO_DEPTH",
        "SPLIT",
        "TANH",
    }
)

#: Versions that brought int16 activations; of convolutions and products, with int8 weights.
_INT16: Mapping[str, int] = MappingProxyType(
    {
        "ADD": 3,
        "AVERAGE_POOL_2D": 3,
        "CONCATENATION": 3,
        "CONV_2D": 4,
        "DEPTHWISE_CONV_2D": 5,
        "FULLY_CONNECTED": 7,
        "LOGISTIC": 3,
        "MAX_POOL_2D": 3,
        "MEAN": 3,
        "MUL": 4,
        "PAD": 3,
        "QUANTIZE": 2,
        "RESIZE_BILINEAR": 4,
        "RESIZE_NEAREST_NEIGHBOR": 4,
        "SLICE": 4,
        "SPLIT": 4,
        "SUB": 5,
        "TANH": 3,
        "TRANSPOSE": 5,
    }
)

_OLDEST_RUNTIME = (2, 3, 0)
_NEWER_RUNTIME: Mapping[tuple[str, int], tuple[int, int, int]] = MappingProxyType(
    {
        ("ABS", 2): (2, 4, 0),
        ("CONV_2D", 6): (2, 9, 0),
        ("GELU", 1): (2, 9, 0),
        ("GELU", 2): (2, 9, 0),
        ("PAD", 4): (2, 6, 0),
        ("PADV2", 4): (2, 6, 0),
        ("RELU_0_TO_1", 1): (2, 10, 0),
        ("RELU6", 2): (2, 5, 0),
        ("RSQRT", 2): (2, 5, 0),
        ("SLICE", 5): (2, 5, 0),
    }
)


def version(operator: Operator) -> int:
    """The lowest version of an operator whose kernels can run it."""
    if operator.code in _INT16 and _is_int16(operator):
        return _INT16[operator.code]
    rule = _RULES.get(operator.code)
    if rule is not None:
        return rule(operator)
    return 2 if operator.code in _INT8_IS_2 and _is_int8(operator) else 1


def minimum_runtime(operators: Iterable[Operator]) -> str:
    """The oldest TensorFlow Lite runtime that knows all of them, such as "2.3.0"."""
    found = _OLDEST_RUNTIME
    for operator in operators:
        found = max(found, _NEWER_RUNTIME.get((operator.code, version(operator)), found))
    return ".".join(map(str, found))


def _is_int8(operator: Operator) -> bool:
    return any(t is not None and t.is_int8 for t in operator.inputs)


def _is_int16(operator: Operator) -> bool:
    return any(t is not None and t.dtype == np.int16 for t in (*operator.inputs, *operator.outputs))


def _is_hybrid(operator: Operator) -> bool:
    """Whether an operator multiplies float activations with int8 weights, scaled per channel."""
    x, weight = operator.inputs[:2]
    return x is not None and weight is not None and x.dtype == np.float32 and weight.is_int8


def _dequantize(operator: Operator) -> int:
    (x,) = operator.inputs
    assert x is not None
    if x.dtype in (np.float16, np.int16):
        return 3
    per_channel = x.quantization is not None and len(x.quantization.scale) > 1
    return 5 if x.is_int8 and per_channel else 2 if x.is_int8 else 1


def _rank(operator: Operator) -> int:
    return max(len(t.shape) for t in operator.inputs if t is not None)


def _broadcasts(operator: Operator) -> bool:
    first, second = operator.inputs
    return first is not None and second is not None and first.shape != second.shape


def _conv(operator: Operator) -> int:
    x, weight = operator.inputs[:2]
    assert x is not None
    assert weight is not None
    if x.shape[3] != weight.shape[3]:
        return 6  # grouped
    if _is_hybrid(operator):
        return 5
    return 3 if _is_int8(operator) else 1


def _depthwise_conv(operator: Operator) -> int:
    if _is_hybrid(operator):
        return 6
    if _is_int8(operator):
        return 3
    dilated = operator.options.dilationHFactor != 1 or operator.options.dilationWFactor != 1
    return 2 if dilated else 1


def _fully_connected(operator: Operator) -> int:
    if _is_hybrid(operator):
        return 12
    if operator.inputs[2] is None:
        return 6
    if operator.options.keepNumDims:
        return 5
    return 4 if _is_int8(operator) else 1


def _mul(operator: Operator) -> int:
    if not _is_int8(operator):
        return 1
    first, second = operator.inputs
    assert first is not None
    assert second is not None
    rescale = np.float32(first.scale) * np.float32(second.scale) / operator.outputs[0].scale
    return 3 if rescale >= 1 else 2


def _sub(operator: Operator) -> int:
    if _broadcasts(operator) and _rank(operator) > 4:
        return 3
    return 2 if _is_int8(operator) else 1


def _div(operator: Operator) -> int:
    return 2 if _broadcasts(operator) and _rank(operator) > 4 else 1


def _pad(operator: Operator) -> int:
    return 4 if _rank(operator) > 4 else 2 if _is_int8(operator) else 1


def _slice(operator: Operator) -> int:
    return 5 if _rank(operator) > 4 else 2 if _is_int8(operator) else 1


def _strided_slice(operator: Operator) -> int:
    return 4 if _rank(operator) > 4 else 2 if _is_int8(operator) else 1


def _transpose(operator: Operator) -> int:
    rank = _rank(operator)
    return 6 if rank > 5 else 4 if rank > 4 else 2 if _is_int8(operator) else 1


def _transpose_conv(operator: Operator) -> int:
    return 3 if len(operator.inputs) == 4 else 2 if _is_int8(operator) else 1


def _resize(operator: Operator) -> int:
    if operator.options.halfPixelCenters:
        return 3
    if operator.code == "RESIZE_NEAREST_NEIGHBOR" and operator.options.alignCorners:
        return 3
    return 2 if _is_int8(operator) else 1


_RULES: Mapping[str, Callable[[Operator], int]] = MappingProxyType(
    {
        "CONV_2D": _conv,
        "DEQUANTIZE": _dequantize,
        "DEPTHWISE_CONV_2D": _depthwise_conv,
        "DIV": _div,
        "FULLY_CONNECTED": _fully_connected,
        "MUL": _mul,
        "PAD": _pad,
        "PADV2": _pad,
        "RESIZE_BILINEAR": _resize,
        "RESIZE_NEAREST_NEIGHBOR": _resize,
        "SLICE": _slice,
        "STRIDED_SLICE": _strided_slice,
        "SUB": _sub,
        "TRANSPOSE": _transpose,
        "TRANSPOSE_CONV": _transpose_conv,
    }
)
