"""Values from constant places to constant places."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.export.tflite.cases.case import IMAGE, Case, ints, node
from tests.export.tflite.graphs import of_nodes, weights

RNG = np.random.default_rng(0)
#: (row, column) of three pixels, beneath every image and channel of it.
PIXELS = np.array([[[[0, 1], [6, 7], [-7, 3]]] * 6] * 2)


def scatter(indices: np.ndarray, shape: tuple[int, ...], op_type: str = "ScatterND",
            constant: str = "", **attributes: int) -> Case:  # fmt: skip
    """Into `x` at indices, `u` of a shape; either may be a constant."""
    shapes = {"x": IMAGE, "u": shape}
    arrays = {constant: weights(*shapes.pop(constant))} if constant else {}
    made = helper.make_node(op_type, ["x", "i", "u"], ["y"], name="n", **attributes)
    return Case(lambda: of_nodes([made], shapes, arrays | {"i": indices}, ["y"]))


CASES: dict[str, Case] = {
    "GatherElements of rows": node(
        "GatherElements", IMAGE, RNG.integers(-7, 7, (2, 5, 9, 8)), axis=2
    ),
    "GatherND of pixels": node("GatherND", IMAGE, PIXELS, batch_dims=2),
    "GatherND of rows": node("GatherND", IMAGE, np.array([[[1, 5], [0, -1]]])),
    "ScatterND of rows": scatter(np.array([[1, 3, 2], [0, -1, 6]]), (2, 8)),
    "ScatterND of a constant": scatter(np.array([[1, 3], [0, 2]]), (2, 7, 8), constant="u"),
    "ScatterND into a constant": scatter(np.array([[[1, 3, 0, 7]]]), (1, 1), constant="x"),
    "ScatterElements of columns": scatter(
        np.tile(np.array([7, 0, -5]), (2, 6, 7, 1)), (2, 6, 7, 3), "ScatterElements", axis=3
    ),
    "Gather by a matrix": node("Gather", IMAGE, np.array([[3, 0, -1], [6, 2, 2]]), axis=2),
    "Gather of channels by a matrix": node("Gather", IMAGE, ints(5, 0, 3, 3).reshape(2, 2), axis=1),
}
