"""Convolutions, transposed ones too, and products with a matrix."""

from __future__ import annotations

from tests.export.tflite.cases.case import IMAGE, Case, chain, conv, conv_transpose, node
from tests.export.tflite.graphs import weights

CASES: dict[str, Case] = {
    "pointwise": conv((2, 3, 5, 6), (4, 3, 1, 1)),
    "pointwise, rows and columns the other way round": chain(
        ("Transpose", {"perm": [0, 1, 3, 2]}, ()),
        ("Conv", {}, (weights(4, 6, 1, 1), weights(4, seed=7))),
        shape=IMAGE,
    ),
    "padding that is SAME": conv((1, 3, 8, 9), (4, 3, 3, 3), pads=[1, 1, 1, 1]),
    "strided SAME of an odd size": conv(
        (1, 3, 9, 7), (4, 3, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]
    ),
    "strided padding that is not SAME": conv(
        (1, 3, 8, 8), (4, 3, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]
    ),
    "TensorFlow's padding": conv((1, 3, 8, 8), (4, 3, 3, 3), pads=[0, 0, 1, 1], strides=[2, 2]),
    "lopsided padding": conv((1, 3, 8, 8), (4, 3, 3, 3), pads=[2, 0, 1, 3]),
    "dilated": conv((1, 3, 9, 9), (4, 3, 3, 3), pads=[2, 2, 2, 2], dilations=[2, 2]),
    "wide kernel": conv((1, 3, 6, 9), (4, 3, 1, 7), pads=[0, 3, 0, 3]),
    "depthwise": conv((1, 6, 7, 7), (6, 1, 3, 3), pads=[1, 1, 1, 1], group=6),
    "depthwise, strided, explicit padding": conv(
        (1, 6, 8, 8), (6, 1, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2], group=6
    ),
    "depthwise, dilated": conv(
        (1, 6, 9, 9), (6, 1, 3, 3), pads=[2, 2, 2, 2], dilations=[2, 2], group=6
    ),
    "depthwise with multiplier": conv((1, 4, 6, 6), (12, 1, 3, 3), pads=[1, 1, 1, 1], group=4),
    "grouped": conv((1, 8, 6, 6), (12, 2, 3, 3), pads=[1, 1, 1, 1], group=4),
    "one input channel": conv((1, 1, 6, 6), (4, 1, 3, 3), pads=[1, 1, 1, 1]),
    "transposed, 2 x 2 stride 2": conv_transpose((3, 4, 2, 2), strides=[2, 2]),
    "transposed, 4 x 4 stride 2 padding 1": conv_transpose(
        (3, 4, 4, 4), strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "transposed, 3 x 3 with output padding": conv_transpose(
        (3, 4, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]
    ),
    "transposed, 3 x 3 stride 1": conv_transpose((3, 4, 3, 3), pads=[1, 1, 1, 1]),
    "Gemm, weight in rows": node("Gemm", (2, 5), weights(4, 5), weights(4, seed=7), transB=1),
    "Gemm, weight in columns": node("Gemm", (2, 5), weights(4, 5).T.copy(), weights(4, seed=7)),
    "MatMul": node("MatMul", (2, 5), weights(4, 5).T.copy()),
    "MatMul of a sequence": node("MatMul", (2, 3, 5), weights(4, 5).T.copy()),
    "MatMul of an image's columns": node("MatMul", (1, 2, 3, 5), weights(4, 5).T.copy()),
}
