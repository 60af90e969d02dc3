"""Recurrent layers: sequences of 5 steps, 2 photos, 3 values each; 4 values in a state."""

from __future__ import annotations

import numpy as np

from tests.export.tflite.cases.case import Case, ints, node
from tests.export.tflite.graphs import weights

SEQUENCE = (5, 2, 3)


def layer(
    op_type: str, gates: int, directions: int = 1, *more: np.ndarray | None, **options: object
) -> Case:
    return node(
        op_type,
        SEQUENCE,
        weights(directions, gates * 4, 3),
        weights(directions, gates * 4, 4, seed=2),
        weights(directions, 2 * gates * 4, seed=3),
        *more,
        hidden_size=4,
        **options,
    )


STATE = weights(2, 2, 4, seed=5)

CASES: dict[str, Case] = {
    "LSTM": layer("LSTM", 4),
    "LSTM in both directions": layer("LSTM", 4, 2, direction="bidirectional"),
    "LSTM backwards": layer("LSTM", 4, direction="reverse"),
    "LSTM from a state": layer(
        "LSTM", 4, 2, ints(5, 5).astype(np.int32), STATE, -STATE, direction="bidirectional"
    ),
    "LSTM without biases": node(
        "LSTM", SEQUENCE, weights(1, 16, 3), weights(1, 16, 4, seed=2), hidden_size=4
    ),
    "GRU": layer("GRU", 3, linear_before_reset=1),
    "GRU in both directions": layer("GRU", 3, 2, direction="bidirectional", linear_before_reset=1),
    "GRU from a state": layer(
        "GRU", 3, 2, None, STATE, direction="bidirectional", linear_before_reset=1
    ),
    "RNN": layer("RNN", 1),
    "RNN of rectified states": layer(
        "RNN", 1, 2, direction="bidirectional", activations=["Relu"] * 2
    ),
}
