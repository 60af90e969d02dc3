"""Means, sums, extremes and norms over axes."""

from __future__ import annotations

from tests.export.tflite.cases.case import IMAGE, Case, chain, floats, ints, node

CASES: dict[str, Case] = {
    "mean over the image": node("ReduceMean", IMAGE, axes=[2, 3], keepdims=0),
    "mean over channels": node("ReduceMean", IMAGE, axes=[1], keepdims=1),
    "mean over channels, gone": node("ReduceMean", IMAGE, axes=[1], keepdims=0),
    "maximum over rows": node("ReduceMax", IMAGE, axes=[-2], keepdims=1),
    "minimum over columns, gone": node("ReduceMin", IMAGE, axes=[3], keepdims=0),
    "sum over channels": node("ReduceSum", IMAGE, ints(1), keepdims=0),
    "length of channels": node("ReduceL2", IMAGE, axes=[1], keepdims=1),
    "length of rows, gone": node("ReduceL2", IMAGE, axes=[-1], keepdims=0),
    "size of channels": node("ReduceL1", IMAGE, axes=[1], keepdims=1),
    "size of rows, gone": node("ReduceL1", IMAGE, axes=[2], keepdims=0),
    "squares of the image": node("ReduceSumSquare", IMAGE, axes=[2, 3], keepdims=0),
    "product of channels": node("ReduceProd", IMAGE, axes=[1], keepdims=1, steps=None),
    "product of columns, gone": node("ReduceProd", IMAGE, axes=[3], keepdims=0, steps=None),
    "logarithm of a sum": chain(
        ("Abs", {}, ()), ("ReduceLogSum", {"axes": [1]}, ()), shape=IMAGE, int8=None
    ),
    "logarithm of exponentials": node("ReduceLogSumExp", IMAGE, axes=[1], keepdims=1),
    "logarithm of exponentials, gone": node("ReduceLogSumExp", IMAGE, axes=[2, 3], keepdims=0),
    "logarithm of large exponentials": chain(
        ("Mul", {}, (floats(100),)), ("ReduceLogSumExp", {"axes": [3]}, ()), shape=IMAGE, int8=None
    ),
}
