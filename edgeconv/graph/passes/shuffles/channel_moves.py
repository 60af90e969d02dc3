"""Operators that only move channels of (N, C, H, W): which they are, and what they move where."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, islice

import onnx_ir as ir

from edgeconv.graph.view import (
    constant_of,
    input_of,
    integer,
    ints,
    require_constant,
    shape_of,
    slices_of,
    sole_consumer,
)

#: (tensor, channel of it) for every channel of a tensor that is put together.
Channels = list[tuple[ir.Value, int]]


@dataclass(frozen=True)
class Shuffle:
    """The three nodes of a channel shuffle, and its number of groups."""

    nodes: tuple[ir.Node, ir.Node, ir.Node]
    groups: int


def shuffle_at(first: ir.Node) -> Shuffle | None:
    """The shuffle that begins at a node, None where none does."""
    if first.op_type != "Reshape" or first.inputs[0] is None:
        return None
    shape, apart = shape_of(first.inputs[0]), shape_of(first.outputs[0])
    swap = sole_consumer(first.outputs[0])
    if len(shape) != 4 or len(apart) not in (4, 5) or swap is None or swap.op_type != "Transpose":
        return None
    last = sole_consumer(swap.outputs[0])
    pixels = shape[2:] if len(apart) == 5 else (shape[2] * shape[3],)
    if (
        (apart[0], *apart[3:]) != (shape[0], *pixels)
        or ints(swap, "perm", ()) != (0, 2, 1, 3, 4)[: len(apart)]
        or last is None
        or last.op_type != "Reshape"
        or shape_of(last.outputs[0]) != shape
    ):
        return None
    return Shuffle((first, swap, last), apart[1])


def moves_channels(node: ir.Node) -> bool:
    """Whether a Concat, Split, Slice or Gather moves whole channels of (N, C, H, W)."""
    if node.op_type not in {"Concat", "Split", "Slice", "Gather"}:
        return False
    values = [v for v in (*node.inputs, *node.outputs) if v is not None and v.const_value is None]
    if any(len(shape_of(value)) != 4 for value in values):
        return False
    if node.op_type == "Concat":
        return integer(node, "axis", 0) % 4 == 1 and len(values) == len(node.inputs) + 1
    if node.op_type == "Split":
        return integer(node, "axis", 0) % 4 == 1
    if node.op_type == "Gather":
        indices = constant_of(node.inputs[1])
        return integer(node, "axis", 0) % 4 == 1 and indices is not None and indices.ndim == 1
    if any(constant_of(value) is None for value in node.inputs[1:]):
        return False
    before, after = shape_of(input_of(node)), shape_of(node.outputs[0])
    whole = all(axis == 1 or taken.step in (None, 1) for axis, taken in enumerate(slices_of(node)))
    return whole and (before[0], *before[2:]) == (after[0], *after[2:])


def joined_groups(graph: ir.Graph, moving: Collection[ir.Node]) -> list[list[ir.Node]]:
    """The moving nodes, those together that hand tensors to each other, in the graph's order."""
    groups: list[list[ir.Node]] = []
    for node in graph:
        if node not in moving:
            continue
        producers = {value.producer() for value in node.inputs if value is not None}
        joined = [group for group in groups if not producers.isdisjoint(group)]
        groups = [group for group in groups if producers.isdisjoint(group)]
        groups.append([*chain.from_iterable(joined), node])
    places = {node: place for place, node in enumerate(graph)}
    return [sorted(group, key=places.__getitem__) for group in groups]


def follow(group: Iterable[ir.Node], shuffles: Mapping[ir.Node, int]) -> dict[ir.Value, Channels]:
    """Where every channel of every tensor a group gives comes from.

    Args:
        group: the nodes.
        shuffles: the last node of each shuffle -> its groups.
    """
    found: dict[ir.Value, Channels] = {}

    def channels(value: ir.Value) -> Channels:
        return found.get(value) or [(value, i) for i in range(shape_of(value)[1])]

    for node in group:
        taken = channels(input_of(node))
        if node in shuffles:
            count = shuffles[node]
            found[node.outputs[0]] = [
                c for i in range(len(taken) // count) for c in taken[i :: len(taken) // count]
            ]
        elif node.op_type == "Concat":
            found[node.outputs[0]] = [c for v in node.inputs if v is not None for c in channels(v)]
        elif node.op_type == "Split":
            parts = iter(taken)
            found.update((v, list(islice(parts, shape_of(v)[1]))) for v in node.outputs)
        elif node.op_type == "Gather":
            found[node.outputs[0]] = [taken[i] for i in require_constant(node, 1)]
        elif node.op_type == "Slice":
            found[node.outputs[0]] = taken[slices_of(node)[1]]
        else:  # inside a shuffle
            found[node.outputs[0]] = taken
    return found
