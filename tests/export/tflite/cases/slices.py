"""Tensors joined, cut and repeated."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx import helper

from tests.export.tflite.cases.case import IMAGE, Case, ints, node
from tests.export.tflite.graphs import of_nodes, weights


def heads_cut_apart() -> ir.Model:
    """Queries, keys and values of three heads, cut from one tensor before each is turned."""
    nodes = [
        helper.make_node("Reshape", ["x", "heads"], ["apart"], name="apart"),
        helper.make_node("Split", ["apart", "sizes"], ["q", "k", "v"], name="split", axis=3),
        helper.make_node("Transpose", ["q"], ["tq"], name="tq", perm=[0, 2, 1, 3]),
        helper.make_node("Transpose", ["k"], ["tk"], name="tk", perm=[0, 2, 3, 1]),
        helper.make_node("Transpose", ["v"], ["tv"], name="tv", perm=[0, 2, 1, 3]),
        helper.make_node("MatMul", ["tq", "tk"], ["scores"], name="scores"),
        helper.make_node("MatMul", ["scores", "tv"], ["z"], name="z"),
        helper.make_node("Transpose", ["z"], ["back"], name="back", perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["back", "rows"], ["y"], name="y"),
    ]
    shapes = {"heads": ints(1, 6, 3, 8), "sizes": ints(2, 2, 4), "rows": ints(1, 6, 12)}
    return of_nodes(nodes, {"x": (1, 6, 24)}, shapes, ["y"])


CASES: dict[str, Case] = {
    "Concat of channels": node("Concat", IMAGE, inputs=[(2, 4, 7, 8)], axis=1),
    "Concat of six": node("Concat", IMAGE, inputs=[IMAGE] * 5, axis=2),
    "Concat of fifteen": node(
        "Concat", (1, 2, 3), inputs=[(1, 2, n % 4 + 1) for n in range(14)], axis=2
    ),
    "Concat of rows": node("Concat", IMAGE, inputs=[IMAGE, IMAGE], axis=-2),
    "Concat of a constant": Case(
        lambda: of_nodes(
            [helper.make_node("Concat", ["c", "x"], ["y"], name="n", axis=1)],
            {"x": IMAGE},
            {"c": weights(2, 3, 7, 8)},
            ["y"],
        )
    ),
    "Tile": node("Tile", IMAGE, ints(1, 2, 1, 3)),
    "Expand of a row": node("Expand", (2, 6, 1, 8), ints(2, 6, 7, 8)),
    "Expand to more axes": node("Expand", (7, 1), ints(2, 6, 7, 8)),
    "Split in halves": node("Split", IMAGE, outputs=2, axis=1),
    "Split unevenly": node("Split", IMAGE, ints(1, 2, 3), outputs=3, axis=1),
    "Split into heads": Case(heads_cut_apart, steps=None),
    "Split in seven": node("Split", IMAGE, outputs=7, axis=2),
    "Slice of channels": node("Slice", IMAGE, ints(1), ints(5), ints(1)),
    "Slice from the end": node("Slice", IMAGE, ints(-3, 1), ints(9999, 6), ints(3, 2)),
    "Slice with steps": node("Slice", IMAGE, ints(0, 1), ints(6, 7), ints(1, 2), ints(2, 3)),
    "Slice backwards": node("Slice", IMAGE, ints(-1), ints(-9999), ints(1), ints(-1)),
    "Gather of one channel": node("Gather", IMAGE, np.array(2), axis=1),
    "Gather of some rows": node("Gather", IMAGE, ints(3, 0, -1), axis=2),
}
