"""In which order tensors hold their channels, and which tensors are free to hold them in another.

A convolution does not care how the channels it reads are ordered as long as the columns of its
weight are ordered alike, and its rows decide the order of the channels it gives. Between two
convolutions, activations, depthwise convolutions and pools only hand the order on. So tensors fall
into classes that share one order, and a class all of whose ends are convolutions or matrices may be
given any order, at no cost at run time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.view import constant_of, input_of, integer, require_constant, shape_of

#: What an order does to a constant: node, index of the input, axis of the channels.
Use = tuple[ir.Node, int, int]


@dataclass(eq=False)
class ChannelOrder:
    """Tensors that hold their channels in one order.

    Attributes:
        values: the tensors; their channels are axis 1.
        uses: the constants that follow the order.
        free: whether the order may change.
    """

    values: list[ir.Value] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    free: bool = True


class ChannelOrders:
    """The classes of a graph's tensors.

    Nodes that are left out hand nothing on: what they read and what they give are the ends of
    classes, free as far as the other nodes are concerned.
    """

    def __init__(self, graph: ir.Graph, left_out: Collection[ir.Node] = ()) -> None:
        self._of: dict[ir.Value, ChannelOrder] = {}
        skipped = set(left_out)
        for value in (*graph.inputs, *graph.outputs):
            self.of(value).free = False
        for node in graph:
            if node not in skipped:
                self._follow(node)

    def of(self, value: ir.Value) -> ChannelOrder:
        """The class of a tensor."""
        if value not in self._of:
            self._of[value] = ChannelOrder([value])
        return self._of[value]

    def _follow(self, node: ir.Node) -> None:
        operator = operator_of(node)
        if node.op_type == "Conv":
            self._conv(node)
        elif node.op_type == "Gemm" and _is_plain(node):
            self._source(node).uses.append((node, 1, 1))
            self._pin([node.outputs[0]])
        elif operator.channels == "alike" and len(node.outputs) == 1:
            self._join(input_of(node), node.outputs[0])
        elif operator.broadcasts:
            self._arithmetic(node)
        elif node.op_type == "Flatten" and _is_flat(node):
            self._join(input_of(node), node.outputs[0])
        else:
            self._pin([*node.inputs, *node.outputs])

    def _conv(self, node: ir.Node) -> None:
        weight = constant_of(node.inputs[1])
        biased = len(node.inputs) > 2 and node.inputs[2] is not None
        rows: list[Use] = [(node, 1, 0), *([(node, 2, 0)] if biased else [])]
        groups = integer(node, "group", 1)
        if weight is None or (biased and constant_of(node.inputs[2]) is None):
            self._pin([node.inputs[0], node.outputs[0]])
        elif groups == 1:
            self._source(node).uses.append((node, 1, 1))
            self.of(node.outputs[0]).uses += rows
        elif groups == weight.shape[0] and weight.shape[1] == 1:
            self.of(node.outputs[0]).uses += rows
            self._join(input_of(node), node.outputs[0])
        else:
            self._pin([node.inputs[0], node.outputs[0]])

    def _source(self, node: ir.Node) -> ChannelOrder:
        return self.of(input_of(node))

    def _arithmetic(self, node: ir.Node) -> None:
        output = node.outputs[0]
        rank = len(shape_of(output))
        for index in range(len(node.inputs)):
            value = input_of(node, index)
            shape = (1,) * (rank - len(shape_of(value))) + shape_of(value)
            axis = 1 - (rank - len(shape_of(value)))
            if rank < 2 or len(shape_of(value)) > rank:
                self._pin([value, output])
            elif shape[1] == 1 and shape_of(output)[1] != 1:
                continue  # the same for every channel
            elif value.const_value is not None:
                self.of(output).uses.append((node, index, axis))
            elif axis == 1:
                self._join(value, output)
            else:
                self._pin([value, output])

    def _join(self, first: ir.Value, second: ir.Value) -> None:
        a, b = self.of(first), self.of(second)
        if a is b:
            return
        a.values += b.values
        a.uses += b.uses
        a.free = a.free and b.free
        self._of.update((value, a) for value in b.values)

    def _pin(self, values: Sequence[ir.Value | None]) -> None:
        for value in values:
            if value is not None and value.const_value is None:
                self.of(value).free = False


def _is_plain(node: ir.Node) -> bool:
    """Whether a Gemm has the form `passes.gemm` brings it into where it can."""
    constant = constant_of(node.inputs[1]) is not None
    return constant and bool(integer(node, "transB", 0)) and not integer(node, "transA", 0)


def _is_flat(node: ir.Node) -> bool:
    """Whether a Flatten, from the second axis on, finds one pixel only."""
    one_pixel = shape_of(input_of(node))[:2] == shape_of(node.outputs[0])
    return one_pixel and integer(node, "axis", 1) == 1


def reorder(model: ir.Model, order: ChannelOrder, channels: NDArray[np.intp]) -> None:
    """Gives the tensors of a class another order: place i then holds what was channel channels[i].

    Only the constants change; every other reader must know.
    """
    for node, index, axis in order.uses:
        constant = require_constant(node, index)
        moved = np.take(constant, channels, axis)
        node.replace_input_with(index, add_constant(model, f"{node.name}::{index}", moved))
