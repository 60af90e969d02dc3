"""Comparisons, logic, choices by truth values, changes of type."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper

from tests.export.tflite.cases.case import IMAGE, Case, floats, ints, node
from tests.export.tflite.graphs import of_nodes, weights

COMPARISONS = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal")
CHANNELS = weights(6, 1, 1, seed=3)
MASK = np.random.default_rng(3).random((1, 1, 7, 8)) < 0.5


def several(
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
) -> Case:
    """Nodes that read images `x` and `z` and constants, and give `y`."""
    read = {name for each in nodes for name in each.input}
    inputs = {name: IMAGE for name in ("x", "z") if name in read}
    return Case(lambda: of_nodes(nodes, inputs, constants, ["y"]))


def at(op_type: str, reads: list[str], name: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op_type, reads, [name], name=f"node_{name}", **attributes)


def masked(
    chosen: str, otherwise: str, mask: np.ndarray, shape: tuple[int, ...] = IMAGE,
    other: tuple[int, ...] | None = None,
) -> ir.Model:  # fmt: skip
    """A Where by a constant, of x, z or constants."""
    constants = {"mask": mask, "number": floats(-0.75), "channels": CHANNELS}
    reads = ("mask", chosen, otherwise)
    inputs = {n: s for n, s in {"x": shape, "z": other or shape}.items() if n in reads}
    used = {name: array for name, array in constants.items() if name in reads}
    return of_nodes([at("Where", list(reads), "y")], inputs, used, ["y"])


def logic(op_type: str) -> Case:
    """Of two comparisons, one of which has a single axis of three."""
    nodes = [
        at("Greater", ["x", "low"], "above"),
        at("Less", ["z", "high"], "below"),
        at(op_type, ["above", "below"], "y"),
    ]
    return several(nodes, {"low": CHANNELS, "high": floats(0.5)})


def whole(op_type: str, *constants: np.ndarray, **attributes: object) -> Case:
    """Of the whole numbers that an image is made of, below zero too."""
    names = [f"c{i}" for i in range(len(constants))]
    nodes = [
        at("Cast", ["x"], "whole", to=TensorProto.INT64),
        at(op_type, ["whole", *names], "y", **attributes),
    ]
    return several(nodes, dict(zip(names, constants, strict=True)))


CASES: dict[str, Case] = {
    **{f"{name} of two images": node(name, IMAGE, inputs=[IMAGE]) for name in COMPARISONS},
    **{f"{name} of a number": node(name, IMAGE, floats(0.5)) for name in COMPARISONS},
    "Greater of a number for each channel": node("Greater", IMAGE, CHANNELS),
    "Less of rows": node("Less", (2, 5), floats(*range(5))),
    "Equal of an image and its largest values nearby": several(
        [
            at("MaxPool", ["x"], "peak", kernel_shape=[3, 3], pads=[1] * 4),
            at("Equal", ["peak", "x"], "y"),
        ],
        {},
    ),
    **{f"{name} of comparisons": logic(name) for name in ("And", "Or", "Xor")},
    "Not of a comparison": several(
        [at("Greater", ["x", "low"], "above"), at("Not", ["above"], "y")], {"low": floats(0.0)}
    ),
    "Where of two images, by a third": several(
        [at("Greater", ["x", "low"], "above"), at("Where", ["above", "x", "z"], "y")],
        {"low": CHANNELS},
    ),
    "Where by a mask": Case(lambda: masked("x", "z", MASK)),
    "Where by a mask of columns": Case(lambda: masked("x", "z", MASK[0, 0, :1])),
    "Where of a number": Case(lambda: masked("x", "number", MASK)),
    "Where of numbers for channels": Case(lambda: masked("channels", "x", MASK)),
    "Where of what has a pixel only": Case(lambda: masked("x", "z", MASK, other=(2, 6, 1, 1))),
    "Where of rows": Case(lambda: masked("x", "z", MASK[0, 0, 0], (2, 3, 8), (3, 8))),
    "IsNaN": node("IsNaN", IMAGE),
    **{f"{name} of whole numbers": whole(name, ints(3)) for name in ("Add", "Sub", "Mul")},
    **{f"{name} of whole numbers": whole(name, ints(-2)) for name in ("Div", "Mod", "Max")},
    "Mod of whole numbers with the dividend's sign": whole("Mod", ints(-2), fmod=1),
    "Clip of whole numbers": whole("Clip", ints(-1)[0], ints(2)[0]),
    "Clip of whole numbers above zero": whole("Clip", ints(0)[0], ints(6)[0]),
    "ReduceSum of whole numbers": whole("ReduceSum", ints(1)),
    **{f"{name} of whole numbers": whole(name) for name in ("Sign", "Abs", "Neg")},
    "Equal of whole numbers": whole("Equal", ints(1)),
    "Concat of whole numbers": several(
        [
            at("Cast", ["x"], "whole", to=TensorProto.INT64),
            at("Concat", ["whole", "whole"], "y", axis=1),
        ],
        {},
    ),
    "Transpose of whole numbers": whole("Transpose", perm=(0, 2, 1, 3)),
    "Cast to bytes and back": several(
        [
            at("Less", ["x", "number"], "below"),
            at("Cast", ["below"], "byte", to=TensorProto.UINT8),
            at("Cast", ["byte"], "y", to=TensorProto.FLOAT),
        ],
        {"number": floats(0.5)},
    ),
    "Cast to whole numbers": node("Cast", IMAGE, to=TensorProto.INT32),
    "Cast to long ones": node("Cast", IMAGE, to=TensorProto.INT64),
    "Cast to truth values": node("Cast", IMAGE, to=TensorProto.BOOL),
    "Cast there and back": several(
        [
            at("Cast", ["x"], "whole", to=TensorProto.INT64),
            at("Cast", ["whole"], "y", to=TensorProto.FLOAT),
        ],
        {},
    ),
    "Cast of truth values, there and back": several(
        [
            at("Less", ["x", "number"], "below"),
            at("Cast", ["below"], "whole", to=TensorProto.INT32),
            at("Cast", ["whole"], "long", to=TensorProto.INT64),
            at("Cast", ["long"], "y", to=TensorProto.FLOAT),
        ],
        {"number": floats(0.5)},
    ),
}
