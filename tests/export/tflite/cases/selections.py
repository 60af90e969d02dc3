"""The largest and smallest values and their places."""

from __future__ import annotations

from tests.export.tflite.cases.case import IMAGE, Case, floats, ints, node
from tests.export.tflite.cases.logic import at, several

CASES: dict[str, Case] = {
    "TopK of channels": node("TopK", IMAGE, ints(3), outputs=2, axis=1),
    "TopK of columns": node("TopK", IMAGE, ints(4), outputs=2),
    "TopK of all rows, a sort": node("TopK", IMAGE, ints(7), outputs=2, axis=2),
    "TopK of a row": node("TopK", (2, 9), ints(5), outputs=2),
    **{
        f"{name} of {what}": node(name, shape, axis=axis, keepdims=keepdims)
        for name in ("ArgMax", "ArgMin")
        for what, shape, axis, keepdims in (
            ("channels", IMAGE, 1, 0),
            ("channels, kept", IMAGE, 1, 1),
            ("rows, kept", IMAGE, -2, 1),
            ("classes", (3, 10), 1, 0),
        )
    },
    "ArgMax of equal values, the first": several(
        [
            at("MaxPool", ["x"], "largest", kernel_shape=[3, 3], pads=[1] * 4),
            at("ArgMax", ["largest"], "y", axis=3),
        ],
        {},
    ),
    **{
        f"OneHot along axis {axis}": several(
            [
                at("ArgMax", ["x"], "place", axis=1, keepdims=0),
                at("OneHot", ["place", "depth", "values"], "y", axis=axis),
            ],
            {"depth": ints(6), "values": values},
        )
        for axis, values in ((-1, floats(-1, 2)), (1, ints(0, 1)), (0, floats(0, 1)))
    },
}
