"""Activations, and what makes probabilities of logits."""

from __future__ import annotations

import math

from edgeconv.files.tflite.builtins.operator import (
    DELEGATED,
    HALF_DELEGATED,
    OWN_KERNELS,
)
from edgeconv.files.tflite.builtins.operator import BuiltinOperator as Row
from edgeconv.graph.operators.operator import Prescribed
from edgeconv.graph.operators.table import OPERATORS as ONNX

_SIGMOID, _SOFTMAX, _TANH = ONNX["Sigmoid"], ONNX["Softmax"], ONNX["Tanh"]

ROWS = (
    Row(
        "RELU",
        "activation",
        versions=(("int8", 2),),
        runs=HALF_DELEGATED,
        faster_in_float=True,
    ),
    Row(
        "RELU6",
        "activation",
        bounds=(0.0, 6.0),
        versions=(("int8", 2),),
        runtimes=((2, (2, 5, 0)),),
        runs=HALF_DELEGATED,
        faster_in_float=True,
    ),
    Row(
        "RELU_N1_TO_1",
        "activation",
        bounds=(-1.0, 1.0),
        runs=HALF_DELEGATED,
        faster_in_float=True,
    ),
    Row(
        "RELU_0_TO_1",
        "activation",
        bounds=(0.0, 1.0),
        runtimes=((1, (2, 10, 0)),),
        runs=OWN_KERNELS,
    ),
    Row(
        "LOGISTIC",
        "activation",
        prescribed=_SIGMOID.prescribed,
        bounds=_SIGMOID.bounds,
        versions=(("int16", 3), ("int8", 2)),
        runs=DELEGATED,
    ),
    Row(
        "TANH",
        "activation",
        prescribed=_TANH.prescribed,
        bounds=_TANH.bounds,
        versions=(("int16", 3), ("int8", 2)),
        runs=DELEGATED,
    ),
    Row(
        "GELU",
        "activation",
        versions=(("int8", 2),),
        runtimes=((1, (2, 9, 0)), (2, (2, 9, 0))),
        runs=HALF_DELEGATED,
        faster_in_float=True,
    ),
    *(Row(name, "activation", runs=DELEGATED) for name in ("ELU", "LEAKY_RELU")),
    *(
        Row(name, "activation", runs=HALF_DELEGATED, faster_in_float=True)
        for name in ("HARD_SWISH", "PRELU")
    ),
    Row(
        "SOFTMAX",
        "softmax",
        prescribed=_SOFTMAX.prescribed,
        bounds=_SOFTMAX.bounds,
        versions=(("int8", 2),),
        runs=HALF_DELEGATED,
    ),
    Row(
        "LOG_SOFTMAX",
        "softmax",
        prescribed=Prescribed(16 / 256, 127, None),
        bounds=(-math.inf, 0.0),
        versions=(("int8", 2),),
        runs=OWN_KERNELS,
    ),
)
