"""Clamps, curves and softmax."""

from __future__ import annotations

import numpy as np

from tests.export.tflite.cases.case import IMAGE, Case, chain, floats, node
from tests.export.tflite.graphs import of_node, weights

CASES: dict[str, Case] = {
    "Relu": node("Relu", IMAGE),
    "ReLU6": node("Clip", IMAGE, np.float32(0), np.float32(6)),
    "Clip to -1, 1": node("Clip", IMAGE, np.float32(-1), np.float32(1)),
    "Clip to 0, 1": node("Clip", IMAGE, np.float32(0), np.float32(1)),
    "Clip to other bounds": node("Clip", IMAGE, np.float32(-2), np.float32(4)),
    "Clip below": node("Clip", IMAGE, np.float32(-2)),
    "Sigmoid": node("Sigmoid", IMAGE),
    "Tanh": node("Tanh", IMAGE),
    "HardSwish": node("HardSwish", IMAGE),
    "HardSigmoid of PyTorch": node("HardSigmoid", IMAGE, alpha=1 / 6, beta=0.5),
    "HardSigmoid of ONNX": node("HardSigmoid", IMAGE, alpha=0.2, beta=0.5),
    "LeakyRelu": node("LeakyRelu", IMAGE, alpha=0.1),
    "PRelu": node("PRelu", IMAGE, np.abs(weights(6, 1, 1))),
    # Neither set of reference kernels has ELU.
    "Elu": Case(lambda: of_node("Elu", IMAGE), engines=frozenset({"xnnpack"})),
    "Gelu": node("Gelu", IMAGE, opset=20),
    "Gelu by tanh": node("Gelu", IMAGE, opset=20, approximate="tanh"),
    "Softmax": node("Softmax", (2, 10)),
    "Softmax over channels": node("Softmax", IMAGE, axis=1),
    "Softmax over rows": node("Softmax", IMAGE, axis=2),
    "LogSoftmax": node("LogSoftmax", (2, 10)),
    "Softplus": node("Softplus", IMAGE),
    "Softplus of large values": chain(
        ("Mul", {}, (floats(100),)), ("Softplus", {}, ()), shape=IMAGE, int8=2
    ),
}
