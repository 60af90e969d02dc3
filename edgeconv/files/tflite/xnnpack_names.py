"""What XNNPACK calls the operators that it makes of TFLite's (`xnn_operator_type_to_string`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_LAYERS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
_VIEWS = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
#: What XNNPACK makes of operators that it calls otherwise.
_MADE_OF: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Fully Connected": _LAYERS,
        "Dynamic Fully Connected": _LAYERS,
        "Convolution": _LAYERS,
        "Deconvolution": _LAYERS,
        "Batch Matrix Multiply": frozenset({"BATCH_MATMUL"}),
        "Convert": frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"}),
        "Max Pooling": frozenset({"MAX_POOL_2D"}),
        "Average Pooling": frozenset({"AVERAGE_POOL_2D"}),
        "Mean": frozenset({"MEAN"}),
        "Sum": frozenset({"SUM", "MEAN"}),
        "Slice": frozenset({"SLICE", "STRIDED_SLICE", "SPLIT"}),
        "Copy": frozenset({"CONCATENATION", "SPLIT"}) | _VIEWS,
        "Static Reshape": _VIEWS,
        "Static Expand Dims": _VIEWS,
        "Constant Pad": frozenset({"PAD", "PADV2"}),
        "Subtract": frozenset({"SUB"}),
        "Multiply": frozenset({"MUL"}),
        "Divide": frozenset({"DIV"}),
        "Negate": frozenset({"NEG"}),
        "Square Root": frozenset({"SQRT"}),
        "Reciprocal Square Root": frozenset({"RSQRT"}),
        "Sigmoid": frozenset({"LOGISTIC"}),
        "Sine": frozenset({"SIN"}),
        "Cosine": frozenset({"COS"}),
        "Power": frozenset({"POW"}),
        "Modulus": frozenset({"FLOOR_MOD"}),
        "Ceiling": frozenset({"CEIL"}),
        "Bankders Rounding": frozenset({"ROUND"}),
        "Clamp": frozenset({"RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "MINIMUM", "MAXIMUM"}),
        "ApproxGELU": frozenset({"GELU"}),
    }
)


def made_of(kind: str) -> frozenset[str]:
    """TFLite's operators that one may be made of, as XNNPACK or LiteRT itself calls it."""
    name = kind.partition(" (")[0]
    same = re.sub(r"[^A-Z0-9]", "", name.upper())
    return _MADE_OF.get(name, frozenset({same}))
