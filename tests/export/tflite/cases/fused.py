"""Operators that take in the activation behind them."""

from __future__ import annotations

import numpy as np

from tests.export.tflite.cases.case import IMAGE, Case, chain
from tests.export.tflite.graphs import weights

CASES: dict[str, Case] = {
    "Conv and ReLU6": chain(
        ("Conv", {}, (weights(4, 6, 1, 1), weights(4, seed=7))),
        ("Clip", {}, (np.array(0, np.float32), np.array(6, np.float32))),
        shape=IMAGE,
    ),
    "Add and Relu": chain(("Add", {}, (weights(6, 1, 1),)), ("Relu", {}, ()), shape=IMAGE),
}
