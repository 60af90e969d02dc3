"""Another shape or order for the same numbers."""

from __future__ import annotations

from tests.export.tflite.cases.case import IMAGE, Case, chain, floats, ints, node
from tests.export.tflite.graphs import weights

CASES: dict[str, Case] = {
    "Flatten of one pixel": node("Flatten", (2, 6, 1, 1)),
    "Flatten of an image": node("Flatten", IMAGE),
    "Reshape to more channels": node("Reshape", IMAGE, ints(2, 3, 14, 8)),
    "Reshape that splits no axis evenly": node("Reshape", (1, 3, 4, 5), ints(1, 4, 5, 3)),
    "image to rows": node("Reshape", IMAGE, ints(2, 6, 56)),
    "rows to image": node("Reshape", (2, 6, 56), ints(2, 6, 7, 8)),
    "Squeeze": node("Squeeze", (2, 6, 1, 8), ints(2)),
    "Unsqueeze": node("Unsqueeze", (2, 6, 8), ints(2)),
    "Transpose to NHWC": node("Transpose", IMAGE, perm=[0, 2, 3, 1]),
    "Transpose of rows": node("Transpose", (2, 5, 6), perm=[0, 2, 1]),
    "channel shuffle": chain(
        ("Reshape", {}, (ints(1, 2, 3, 7, 8),)),
        ("Transpose", {"perm": [0, 2, 1, 3, 4]}, ()),
        ("Reshape", {}, (ints(1, 6, 7, 8),)),
        ("Relu", {}, ()),
        shape=(1, 6, 7, 8),
    ),
    "tokens of an image": chain(
        ("Reshape", {}, (ints(2, 6, 56),)),
        ("Transpose", {"perm": [0, 2, 1]}, ()),
        ("MatMul", {}, (weights(4, 6).T.copy(),)),
        shape=IMAGE,
    ),
    "channels last and back": chain(
        ("Transpose", {"perm": [0, 2, 3, 1]}, ()),
        ("MatMul", {}, (weights(6, 6, seed=3),)),
        ("Transpose", {"perm": [0, 3, 1, 2]}, ()),
        ("Relu", {}, ()),
        shape=IMAGE,
    ),
    "Flatten, then Gemm": chain(
        ("Flatten", {}, ()),
        ("Gemm", {"transB": 1}, (weights(5, 6 * 7 * 8), weights(5, seed=3))),
        shape=IMAGE,
    ),
    "Flatten, Relu, scale, then Gemm": chain(
        ("Flatten", {}, ()),
        ("Relu", {}, ()),
        ("Mul", {}, (floats(2.0),)),
        ("Gemm", {"transB": 1}, (weights(5, 6 * 7 * 8), weights(5, seed=3))),
        shape=IMAGE,
        int8=2,
    ),
    "Flatten, then a constant for each feature": chain(
        ("Flatten", {}, ()),
        ("Add", {}, (weights(336),)),
        shape=IMAGE,
    ),
    "Flatten, then columns cut out": chain(
        ("Flatten", {}, ()),
        ("Slice", {}, (ints(10), ints(99), ints(1))),
        ("Relu", {}, ()),
        shape=IMAGE,
    ),
}
