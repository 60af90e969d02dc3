"""Values from places that are computed: those of largest values, and what is computed of them."""

from __future__ import annotations

import onnx
from onnx import helper

from tests.export.tflite.cases.case import IMAGE, Case, ints
from tests.export.tflite.graphs import Shape, of_nodes, weights


def at(op_type: str, reads: list[str], name: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op_type, reads, [name], name=f"node_{name}", **attributes)


def places(axis: int) -> list[onnx.NodeProto]:
    """`i`: of the largest of `z` along an axis."""
    made = helper.make_node("TopK", ["z", "count"], ["largest", "i"], name="node_i", axis=axis)
    return [made]


def read(
    op_type: str, source: Shape, z: Shape, *, axis: int, shift: int = 0, table: bool = False,
    depth: int = 0, of: int | None = None,
) -> Case:  # fmt: skip
    """From `x`, at places of the three largest of `z`, a shift added to each of them.

    Args:
        op_type: what reads.
        source: shape of `x`.
        z: shape.
        axis: of the largest.
        shift: makes some of the places negative.
        table: whether `x` is a constant.
        depth: how many of the places are one of GatherND's; 0 for other operators.
        of: the axis that is read along, the first for None.
    """
    nodes, constants, last = places(axis), {"count": ints(3)}, "i"
    if shift:
        constants["shift"] = ints(shift)
        nodes.append(at("Add", [last, "shift"], last := "shifted"))
    if depth:
        constants["shape"] = ints(*z[:axis], 3 // depth, depth)
        nodes.append(at("Reshape", [last, "shape"], last := "deep"))
    attributes = {} if of is None else {"axis": of}
    nodes.append(at(op_type, ["x", last], "y", **attributes))
    shapes = {"z": z}
    if table:
        constants["x"] = weights(*source)
    else:
        shapes["x"] = source
    return Case(lambda: of_nodes(nodes, shapes, constants, ["y"]))


CASES: dict[str, Case] = {
    "Gather of a table": read("Gather", (9, 4), (2, 9), axis=1, table=True),
    "Gather of columns of a table": read("Gather", (4, 9), (2, 9), axis=1, table=True, of=1),
    "Gather of rows by places": read("Gather", IMAGE, (7,), axis=0, of=2),
    "Gather of channels by a matrix of places": read("Gather", IMAGE, (2, 6), axis=1, of=1),
    "Gather of rows by an image of places": read("Gather", (6, 5), (2, 6, 4, 3), axis=1),
    "Gather at negative places": read("Gather", IMAGE, (2, 8), axis=1, shift=-4, of=3),
    "GatherElements of channels by places": read("GatherElements", IMAGE, IMAGE, axis=1, of=1),
    "GatherElements of rows by places": read("GatherElements", IMAGE, IMAGE, axis=2, of=2),
    "GatherElements of images": read("GatherElements", (4, 6, 7, 8), (4, 6, 7, 8), axis=0),
    "GatherElements of a corner": read("GatherElements", IMAGE, (1, 5, 3, 8), axis=3, of=-1),
    "GatherElements of tokens": read("GatherElements", (2, 9, 5), (2, 9, 5), axis=1, of=1),
    "GatherElements of a table": read("GatherElements", (9, 5), (9, 5), axis=0, table=True, of=0),
    "GatherElements at negative places": read(
        "GatherElements", IMAGE, IMAGE, axis=1, shift=-6, of=1
    ),
    "GatherND of rows by places": read("GatherND", (9, 7, 8), (5, 9), axis=1, depth=1),
    "GatherND of a table": read("GatherND", (9, 4), (2, 9), axis=1, depth=1, table=True),
    "GatherND of pixels by places": read("GatherND", (8, 8, 8, 3), (5, 7), axis=1, depth=3),
    "GatherND at negative places": read("GatherND", (4, 5, 6), (5, 4), axis=1, depth=3, shift=-3),
}
