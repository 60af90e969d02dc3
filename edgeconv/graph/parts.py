"""The parts of a graph's outputs: what a detector's head joins to one tensor, told apart again.

    boxes (N, 4, 8400) ─┐
                        ├─ Concat ── Transpose ── output (N, 8400, 6)
    scores (N, 2, 8400) ─┘

A part is what a concatenation joined with nothing but copies between it and the output; nested
concatenations are one. An output without any has no parts, its channels are told apart instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import constant_of, input_of, integer, ints, name_of, shape_of

Places = NDArray[np.int64]

#: Kinds of operators that give the very values they read, each once.
_COPIES = ("view", "transpose", "identity")


@dataclass(frozen=True, eq=False)
class Part:
    """A tensor that lies in an output as it is.

    Attributes:
        value: the hub value that is joined or copied.
        places: int64, of the value's shape: where each of its elements lies in the flat output.
    """

    value: ir.Value
    places: Places

    @property
    def name(self) -> str:
        """The hub's name of it."""
        return name_of(self.value)


@dataclass(frozen=True, eq=False)
class Joined:
    """An output and what it was joined from.

    Attributes:
        output: the graph's output.
        parts: in the order they were joined; one where nothing is joined.
        path: the nodes that join and copy, from the output back to the parts.
    """

    output: ir.Value
    parts: tuple[Part, ...]
    path: tuple[ir.Node, ...]

    @property
    def is_joined(self) -> bool:
        """Whether there is more than one part."""
        return len(self.parts) > 1


def parts_of(output: ir.Value) -> Joined:
    """What an output was joined from; constants among it are no parts."""
    path: list[ir.Node] = []
    parts = _walk(output, path)
    return Joined(output, tuple(p for p in parts if p.value.const_value is None), tuple(path))


def uncopied(value: ir.Value) -> tuple[ir.Value, list[ir.Node]]:
    """What a value is a copy of, and the nodes that copy it, the last first."""
    copies: list[ir.Node] = []
    while (node := value.producer()) is not None and _copies(node):
        copies.append(node)
        value = input_of(node)
    return value, copies


def _copies(node: ir.Node) -> bool:
    return operator_of(node).kind in _COPIES


def _walk(value: ir.Value, path: list[ir.Node]) -> list[Part]:
    node = value.producer()
    shape = shape_of(value)
    whole = np.arange(math.prod(shape), dtype=np.int64).reshape(shape)
    if node is not None and operator_of(node).channels == "joined":
        path.append(node)
        axis = integer(node, "axis", 0) % len(shape)
        sources = [v for v in node.inputs if v is not None]
        ends = np.cumsum([shape_of(v)[axis] for v in sources])[:-1]
        lying = np.split(whole, ends, axis)
        return [part for v, at in zip(sources, lying, strict=True) for part in _within(v, at, path)]
    if node is None or not _copies(node):
        return [Part(value, whole)]
    path.append(node)
    source = input_of(node)
    return _within(source, _places(node), path)


def _places(node: ir.Node) -> Places:
    """Where each element of what a node copies lies in its flat output, of the source's shape."""
    before = shape_of(input_of(node))
    numbers = np.arange(math.prod(before), dtype=np.int64)
    lying = numbers.reshape(before)
    if operator_of(node).kind == "transpose":
        lying = lying.transpose(ints(node, "perm", tuple(reversed(range(lying.ndim)))))
    places = np.empty_like(numbers)
    places[lying.reshape(-1)] = numbers
    return places.reshape(before)


def _within(value: ir.Value, lying: Places, path: list[ir.Node]) -> list[Part]:
    """The parts of a value whose elements lie at these places of what it is copied to."""
    flat = lying.reshape(-1)
    return [Part(part.value, flat[part.places]) for part in _walk(value, path)]


def is_in_place(node: ir.Node) -> bool:
    """Whether each value is computed from those at its place: the channels are the input's."""
    return operator_of(node).kind in ("arithmetic", "activation")


def channel_axis(value: ir.Value) -> int | None:
    """The axis along which the channels lie of the layer that computed a value.

    1 where none did; None of what has a single axis.
    """
    shape = shape_of(value)
    if len(shape) < 2:
        return None
    node = value.producer()
    if node is None:
        return 1
    if _copies(node):
        return _copied_axis(node)
    operator = operator_of(node)
    if is_in_place(node) or operator.channels in ("joined", "taken"):
        source = next_before(node)
        return 1 if source is None else channel_axis(source)
    last = operator.weights is not None and operator.weights.output_axis == -1
    return len(shape) - 1 if last else 1


def next_before(node: ir.Node) -> ir.Value | None:
    """The first computed input of as many axes as the output; None where there is none."""
    rank = len(shape_of(node.outputs[0]))
    sources = (v for v in node.inputs if v is not None and constant_of(v) is None)
    return next((v for v in sources if len(shape_of(v)) == rank), None)


def _copied_axis(node: ir.Node) -> int:
    """Where the channel axis of what was copied went; 1 where it is no axis any more."""
    axis, shape, places = channel_axis(input_of(node)), shape_of(node.outputs[0]), _places(node)
    if axis is None:
        return 1
    numbers = np.arange(places.shape[axis])
    channels = np.expand_dims(numbers, [i for i in range(places.ndim) if i != axis])
    along = np.unravel_index(places, shape)
    whole = (i for i in range(1, len(shape)) if shape[i] == len(numbers))
    return next((i for i in whole if bool((along[i] == channels).all())), 1)
