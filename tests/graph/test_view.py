"""What the graph's views refuse, they refuse with the line of the user's file."""

from __future__ import annotations

import onnx_ir as ir
import pytest

from edgeconv.errors import NetRefused
from edgeconv.graph.view import array_of, input_of, require_constant, set_place

PLACE = "nets/mine.py:12"


def a_node() -> ir.Node:
    """A Reshape whose shape is computed, by an operator of the same line."""
    shape = ir.node("Add", [ir.val("a"), ir.val("b")], name="sum")
    node = ir.node("Reshape", [ir.val("x"), shape.outputs[0]], name="view")
    for each in (shape, node):
        set_place(each, PLACE)
    return node


def test_what_must_be_constant_is_refused_with_its_place() -> None:
    node = a_node()
    computed = node.inputs[1]
    assert computed is not None
    computed.name = "y"
    for ask in (lambda: require_constant(node, 1), lambda: array_of(computed)):
        with pytest.raises(NetRefused, match=PLACE):
            ask()


def test_an_input_that_is_not_there_is_refused_with_its_place() -> None:
    with pytest.raises(NetRefused, match=f"view at {PLACE} has no input 2"):
        input_of(a_node(), 2)
