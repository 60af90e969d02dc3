"""Arithmetic, number by number."""

from __future__ import annotations

from onnx import helper

from tests.export.tflite.cases.case import IMAGE, Case, chain, floats, node
from tests.export.tflite.graphs import of_nodes, weights

CASES: dict[str, Case] = {
    "Add": node("Add", IMAGE, inputs=[IMAGE]),
    "Add of a channel vector": node("Add", IMAGE, weights(6, 1, 1)),
    "Sub": node("Sub", IMAGE, inputs=[IMAGE]),
    "Mul by a gate for each channel": node("Mul", IMAGE, inputs=[(2, 6, 1, 1)]),
    "Mul by a map for all channels": node("Mul", IMAGE, inputs=[(2, 1, 7, 8)]),
    "Mul by a constant row": node("Mul", IMAGE, weights(8)),
    "Mul by a computed row of fewer axes": node("Mul", IMAGE, inputs=[(7, 8)]),
    "Mul by a number": node("Mul", IMAGE, floats(0.5)),
    "Sub from a constant": Case(
        lambda: of_nodes(
            [helper.make_node("Sub", ["c", "x"], ["y"], name="n")],
            {"x": IMAGE},
            {"c": weights(6, 1, 1)},
            ["y"],
        )
    ),
    "Div by a constant": node("Div", IMAGE, floats(4.0)),
    "Max": node("Max", IMAGE, inputs=[IMAGE]),
    "Min with a number": node("Min", IMAGE, floats(1.0)),
    "Abs": node("Abs", IMAGE),
    "Neg": node("Neg", IMAGE),
    "Exp": chain(("Mul", {}, (floats(0.3),)), ("Exp", {}, ()), shape=IMAGE, int8=2),
    "Sqrt": chain(("Abs", {}, ()), ("Sqrt", {}, ()), shape=IMAGE, int8=None),
    "Log": chain(("Exp", {}, ()), ("Log", {}, ()), shape=IMAGE, int8=None),
    "square": node("Pow", IMAGE, floats(2.0)),
    "cube": node("Pow", IMAGE, floats(3.0)),
}
