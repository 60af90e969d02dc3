"""Follows every channel of every tensor through the graph, each as a number.

Numbers that must have one factor are joined (union-find over channels, and over tensors for the
groups they form). A tensor that an operator gives whose channels cannot be followed gets new ones,
pinned at factor 1, and what it read is pinned too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.fusion import clip_bounds
from edgeconv.graph.gates import argument_factors, is_gate
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.pads_apart import SMALLEST
from edgeconv.graph.view import (
    activation_inputs,
    constant_of,
    input_of,
    integer,
    ints,
    name_of,
    shape_of,
    slices_of,
)
from edgeconv.quantize.plan.shared import Groups
from edgeconv.quantize.plan.weights import Layer, layer_of

Index: TypeAlias = NDArray[np.int64]


class ChannelFlow:
    """Every tensor's channels as numbers.

    Attributes:
        channels: hub name -> numbers of its channels (axis 1; axis 0 of a vector).
        layers: layers whose input and output channels can both be rescaled.
        arguments: products by a constant of their own that only bounded activations read, so that
            a factor on what they read can be taken back there (`swish`).
        pinned: bool, by number.
        ceilings: lowest clamp above each, by number; infinite where there is none.
    """

    def __init__(self, model: ir.Model) -> None:
        """Follows a hub graph from its inputs to its outputs."""
        self.channels: dict[str, Index] = {}
        self.layers: list[Layer] = []
        self.arguments: list[ir.Node] = []
        self._parent: list[int] = []
        self._pins: list[Index] = []
        self._clamps: list[tuple[Index, float]] = []
        names = [name_of(v) for v in model.graph.inputs if v.const_value is None]
        names += [name_of(v) for node in model.graph for v in node.outputs if v.name]
        self._groups = Groups(names)
        for value in model.graph.inputs:
            if value.const_value is None:
                self._pins.append(self._fresh(value))
        for node in model.graph:
            self._follow(node)
        self._pins += [self.channels[name_of(value)] for value in model.graph.outputs]
        self._roots = np.array([self._find(i) for i in range(len(self._parent))], np.int64)
        self.pinned = np.zeros(len(self._parent), bool)
        self.ceilings = np.full(len(self._parent), math.inf)
        for pinned in self._pins:
            self.pinned[self.found(pinned)] = True
        for clamped, ceiling in self._clamps:
            where = self.found(clamped)
            self.ceilings[where] = np.minimum(self.ceilings[where], ceiling)

    def found(self, channels: Index) -> Index:
        """The numbers that stand for these after all joining."""
        return self._roots[channels]

    def group_of(self, name: str) -> int:
        """The lowest number in a tensor's group."""
        return int(
            self.found(self.channels[self._groups.find(name)]).min(initial=len(self._parent))
        )

    def classes_by_group(self) -> dict[int, Index]:
        """Group -> its numbers, ascending."""
        members: dict[str, list[Index]] = {}
        for name, channels in self.channels.items():
            members.setdefault(self._groups.find(name), []).append(self.found(channels))
        return {
            self.group_of(name): np.unique(np.concatenate(parts)) for name, parts in members.items()
        }

    def _find(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def _join(self, ones: Index, others: Index) -> None:
        for one, other in zip(ones, others, strict=True):
            kept, gone = sorted((self._find(int(one)), self._find(int(other))))
            self._parent[gone] = kept

    def _fresh(self, value: ir.Value) -> Index:
        shape = shape_of(value)
        count = shape[1] if len(shape) > 1 else math.prod(shape)
        start = len(self._parent)
        self._parent.extend(range(start, start + count))
        self.channels[name_of(value)] = np.arange(start, start + count)
        return self.channels[name_of(value)]

    def _follow(self, node: ir.Node) -> None:
        layer = scalable(node)
        if layer is not None and len(self._read_by(layer)) == _input_channels(layer):
            self.layers.append(layer)
            self._fresh(node.outputs[0])
            return
        if _is_argument(node):
            self.arguments.append(node)
            self._fresh(node.outputs[0])
            return
        written = list(self._written(node))
        if written:
            for value, channels in written:
                self.channels[name_of(value)] = channels
                for _, source in activation_inputs(node):
                    if np.intersect1d(self.channels[name_of(source)], channels).size:
                        self._groups.union(name_of(source), name_of(value))
            return
        self._pins += [self.channels[name_of(value)] for _, value in activation_inputs(node)]
        self._pins += [self._fresh(value) for value in node.outputs if value.name]

    def _read_by(self, layer: Layer) -> Index:
        source = layer.node.inputs[0]
        return np.zeros(0, np.int64) if source is None else self.channels[name_of(source)]

    def _written(self, node: ir.Node) -> Iterator[tuple[ir.Value, Index]]:
        """The channels of each output, nothing where they cannot be followed."""
        sources = [value for _, value in activation_inputs(node)]
        read = [self.channels[name_of(value)] for value in sources]
        output = node.outputs[0]
        if node.op_type == "Concat" and len(sources) == len(node.inputs):
            if integer(node, "axis", 1) == 1:
                yield output, np.concatenate(read)
        elif node.op_type == "Split" and integer(node, "axis", 0) == 1:
            sizes = [shape_of(value)[1] for value in node.outputs]
            yield from zip(node.outputs, np.split(read[0], np.cumsum(sizes)[:-1]), strict=True)
        elif node.op_type == "Slice" and len(shape_of(output)) > 1:
            if all(constant_of(value) is not None for value in node.inputs[1:]):
                yield output, read[0][slices_of(node)[1]]
        elif node.op_type == "Gather" and integer(node, "axis", 0) == 1:
            order = constant_of(node.inputs[1])
            if order is not None and order.ndim == 1:
                yield output, read[0][order]
        elif _is_pairwise(node) and len(read) == 2 and len(read[0]) == len(read[1]):
            if shape_of(sources[0]) == shape_of(sources[1]):
                self._join(*read)
                self._groups.union(name_of(sources[0]), name_of(sources[1]))
                yield output, read[0]
        elif node.op_type == "Mul":
            yield from ((output, channels) for channels in self._gated(node, sources, read))
        elif len(read) == 1 and keeps_channels(node):
            bounds = clip_bounds(node)
            if bounds is not None:
                self._clamps.append((read[0], bounds[1]))
            yield output, read[0]

    def _gated(self, node: ir.Node, sources: list[ir.Value], read: list[Index]) -> Iterator[Index]:
        """The channels of a product of which one side's scale is fixed: a constant, or a gate."""
        if len(read) == 1 and shape_of(node.outputs[0])[1:2] == (len(read[0]),):
            yield read[0]
        elif len(read) == 2 and shape_of(sources[0])[:2] == shape_of(sources[1])[:2]:
            gates = [is_gate(value) for value in sources]
            if gates.count(True) == 1 and sources[0] is not sources[1]:
                free = gates.index(False)
                if shape_of(sources[free]) == shape_of(node.outputs[0]):
                    self._pins.append(read[1 - free])
                    yield read[free]


def _is_argument(node: ir.Node) -> bool:
    """Whether a node gives gates their argument: a product by a constant of its own, with a factor
    for each channel; where there is one for all of them the channels keep theirs.
    """
    factors = argument_factors(node)
    has_each = factors is not None and len(factors) == shape_of(node.outputs[0])[1]
    return has_each and len(tuple(input_of(node, 1).uses())) == 1


def _is_pairwise(node: ir.Node) -> bool:
    """Whether an operator on two tensors commutes with a factor that both have."""
    operator = operator_of(node)
    return operator.broadcasts and operator.homogeneous


def scalable(node: ir.Node) -> Layer | None:
    """A layer whose input and output channels can both be rescaled, its constants its own."""
    layer = layer_of(node)
    if layer is None or not layer.has_filters or layer.bias is None:
        return None
    held = (layer.weight, layer.bias)
    is_its_own = all(v.const_value is not None and len(tuple(v.uses())) == 1 for v in held)
    return layer if is_its_own else None


def _input_channels(layer: Layer) -> int:
    weight = shape_of(layer.weight)
    if layer.operator.kind == "product":
        return weight[1 - layer.axis]
    return weight[1] * integer(layer.node, "group", 1)


def keeps_channels(node: ir.Node) -> bool:
    """Whether an operator commutes with a positive factor and keeps channels where they are."""
    (source,) = (value for _, value in activation_inputs(node))
    before, after = shape_of(source), shape_of(node.outputs[0])
    if len(before) < 2 or len(after) < 2 or before[:2] != after[:2]:
        return False
    operator = operator_of(node)
    if operator.kind == "view":
        return math.prod(before[2:]) == math.prod(after[2:])
    if operator.kind == "reduction" and operator.homogeneous:
        return all(axis % len(before) >= 2 for axis in ints(node, "axes", (0,)))
    bounds = clip_bounds(node)
    if bounds is not None:
        return bounds[0] == 0.0
    if node.op_type == "Pad":
        return all(_is_zero(value) for value in node.inputs[2:3])
    return operator.homogeneous and operator.channels in ("alike", "apart", "shaped")


def _is_zero(value: ir.Value | None) -> bool:
    array = constant_of(value)
    return value is None or (array is not None and bool(np.all(np.abs(array) <= SMALLEST)))
