"""Means, sums, extremes and norms over axes."""

from __future__ import annotations

from tests.export.tflite.cases.case import IMAGE, Case, ints, node

CASES: dict[str, Case] = {
    "mean over the image": node("ReduceMean", IMAGE, axes=[2, 3], keepdims=0),
    "mean over channels": node("ReduceMean", IMAGE, axes=[1], keepdims=1),
    "mean over channels, gone": node("ReduceMean", IMAGE, axes=[1], keepdims=0),
    "maximum over rows": node("ReduceMax", IMAGE, axes=[-2], keepdims=1),
    "minimum over columns, gone": node("ReduceMin", IMAGE, axes=[3], keepdims=0),
    "sum over channels": node("ReduceSum", IMAGE, ints(1), keepdims=0),
    "length of channels": node("ReduceL2", IMAGE, axes=[1], keepdims=1),
    "length of rows, gone": node("ReduceL2", IMAGE, axes=[-1], keepdims=0),
}
