"""Maxima and averages of windows, and of whole images."""

from __future__ import annotations

from tests.export.tflite.cases.case import IMAGE, Case, node

CASES: dict[str, Case] = {
    "max, 2 x 2": node("MaxPool", IMAGE, kernel_shape=[2, 2], strides=[2, 2]),
    "max, SAME": node(
        "MaxPool", (1, 3, 7, 7), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "max, padding that is not SAME": node(
        "MaxPool", (1, 3, 8, 8), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "max, ceil mode": node(
        "MaxPool", (1, 3, 8, 7), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
    ),
    "max, ceil mode and padding": node(
        "MaxPool", (1, 3, 9, 8), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 1, 1, 1]
    ),
    "max, dilated": node("MaxPool", IMAGE, kernel_shape=[2, 2], dilations=[2, 3]),
    "max, dilated in one direction, strided and padded": node(
        "MaxPool",
        (1, 3, 8, 9),
        kernel_shape=[3, 3],
        strides=[2, 1],
        dilations=[2, 1],
        pads=[1, 1, 1, 0],
    ),
    "average, 2 x 2": node("AveragePool", IMAGE, kernel_shape=[2, 2], strides=[2, 2]),
    "average, SAME without padding counted": node(
        "AveragePool", (1, 3, 7, 7), kernel_shape=[3, 3], pads=[1, 1, 1, 1]
    ),
    "average, padding counted": node(
        "AveragePool", (1, 3, 7, 7), kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "average, padding neither counted nor SAME": node(
        "AveragePool", (1, 3, 8, 8), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], steps=2
    ),
    "average, ceil mode": node(
        "AveragePool", (1, 3, 8, 7), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, steps=2
    ),
    "average, ceil mode, padding counted": node(
        "AveragePool",
        (1, 3, 8, 8),
        kernel_shape=[3, 3],
        strides=[2, 2],
        ceil_mode=1,
        pads=[1, 1, 1, 1],
        count_include_pad=1,
        steps=2,
    ),
    "global average": node("GlobalAveragePool", IMAGE),
    "global maximum": node("GlobalMaxPool", IMAGE),
}
