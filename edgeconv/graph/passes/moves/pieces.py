"""Cuts tensors and puts them together again, in the place of a node."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.passes.edit import add_constant, make_node, make_reshape, substitute
from edgeconv.graph.view import constant_of, shape_of

Indices = NDArray[np.int64]


class Pieces:
    """New nodes for an old one's result; what is made of constants alone is a constant.

    All come from the old node's line of code, and bear names below the same module.
    """

    def __init__(self, model: ir.Model, node: ir.Node) -> None:
        """Nothing yet; `give` puts all that was made in the node's place."""
        self._model, self._node = model, node
        self._made: list[ir.Node] = []

    def constant(self, array: NDArray[Any]) -> ir.Value:
        """An array as a value."""
        return add_constant(self._model, f"{self._node.name}::piece", array)

    def taken(self, value: ir.Value, axis: int, indices: Indices) -> ir.Value:
        """What lies at some indices (not negative) of an axis: all, a Slice, or a Gather."""
        length = shape_of(value)[axis]
        if len(indices) == length and bool((indices == np.arange(length)).all()):
            return value
        array = constant_of(value)
        if array is not None:
            return self.constant(np.take(array, indices, axis))
        shape = tuple(len(indices) if a == axis else n for a, n in enumerate(shape_of(value)))
        step = _step(indices)
        if step is None:
            return self._add("Gather", [value, self.constant(indices)], shape, value, axis=axis)
        ends = [indices[0], indices[-1] + (1 if step > 0 else -1), axis, step]
        # One before the first is no end: -1 counts from behind.
        ends[1] = ends[1] if ends[1] >= 0 else -length - 1
        cuts = [self.constant(np.array([end], np.int64)) for end in ends]
        return self._add("Slice", [value, *cuts], shape, value)

    def joined(self, values: Sequence[ir.Value], axis: int) -> ir.Value:
        """Tensors one behind the other along an axis."""
        if len(values) == 1:
            return values[0]
        arrays = [constant_of(value) for value in values]
        if all(array is not None for array in arrays):
            return self.constant(np.concatenate([a for a in arrays if a is not None], axis))
        shape = list(shape_of(values[0]))
        shape[axis] = sum(shape_of(value)[axis] for value in values)
        return self._add("Concat", values, tuple(shape), values[0], axis=axis)

    def reshaped(self, value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
        """The same values in another shape."""
        array = constant_of(value)
        if array is not None:
            return self.constant(array.reshape(shape))
        if shape_of(value) == shape:
            return value
        made = make_reshape(self._model, value, name=self._name("Reshape"), shape=shape)
        return self._keep(made, value)

    def swapped(self, value: ir.Value, axis: int, other: int) -> ir.Value:
        """Two axes in each other's place."""
        if axis == other:
            return value
        perm = list(range(len(shape_of(value))))
        perm[axis], perm[other] = other, axis
        shape = tuple(shape_of(value)[i] for i in perm)
        return self._add("Transpose", [value], shape, value, perm=perm)

    def combined(self, op_type: str, values: Sequence[ir.Value], **attributes: Any) -> ir.Value:
        """An operator whose result is of the shape its operands broadcast to."""
        shape = np.broadcast_shapes(*map(shape_of, values))
        return self._add(op_type, values, shape, values[-1], **attributes)

    def made(
        self, op_type: str, inputs: Sequence[ir.Value], shape: tuple[int, ...], **attributes: Any
    ) -> ir.Value:
        """Any operator, of the first input's type."""
        return self._add(op_type, inputs, shape, inputs[0], **attributes)

    def put_before(self) -> None:
        """Leaves the old node, which reads what was made."""
        self._model.graph.insert_before(self._node, self._made)

    def give(self, value: ir.Value) -> None:
        """Makes all readers of the old node read this value instead."""
        output = self._node.outputs[0]
        is_end = value.producer() is None or value.is_graph_output()
        if output.is_graph_output() and is_end:  # both keep their names
            shape = shape_of(value)
            made = make_reshape(self._model, value, name=self._name("Reshape"), shape=shape)
            value = self._keep(made, value)
        self._model.graph.insert_before(self._node, self._made)
        substitute(self._model, output, value)
        self._model.graph.remove(self._node, safe=True)

    def _add(
        self,
        op_type: str,
        inputs: Sequence[ir.Value],
        shape: tuple[int, ...],
        like: ir.Value,
        **attributes: Any,
    ) -> ir.Value:
        name = self._name(op_type)
        made = make_node(op_type, inputs, name=name, shape=shape, attributes=attributes)
        return self._keep(made, like)

    def _name(self, op_type: str) -> str:
        return f"{self._node.name}::{op_type.lower()}_{len(self._made)}"

    def _keep(self, node: ir.Node, like: ir.Value) -> ir.Value:
        node.outputs[0].type = like.type
        node.meta.update(self._node.meta)
        self._made.append(node)
        return node.outputs[0]


def _step(indices: Indices) -> int | None:
    """The step at which indices follow each other, None where they do not."""
    if len(indices) == 1:
        return 1
    steps = np.diff(indices)
    return int(steps[0]) if steps[0] != 0 and bool((steps == steps[0]).all()) else None


def runs_of(indices: Indices, length: int) -> list[tuple[Indices, bool]]:
    """The stretches of an axis that are among sorted indices and those that are not, in order."""
    among = np.isin(np.arange(length), indices)
    bounds = [0, *(np.flatnonzero(np.diff(among)) + 1).tolist(), length]
    return [(np.arange(a, b), bool(among[a])) for a, b in pairwise(bounds)]


def box_of(places: NDArray[np.bool_]) -> list[Indices] | None:
    """For every axis the indices at which places lie that are all combinations of them; else None.

    Where there is no place, None too.
    """
    axes = range(places.ndim)
    sides = [np.flatnonzero(places.any(tuple(o for o in axes if o != axis))) for axis in axes]
    count = math.prod(len(side) for side in sides)
    return sides if count and count == np.count_nonzero(places) else None
