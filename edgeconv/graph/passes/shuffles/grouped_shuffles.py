"""Puts the shuffles between grouped convolutions where they cost least.

    grouped Conv -> shuffle -> depthwise Conv -> grouped Conv         (ShuffleNet, Fig. 2)

1. A depthwise convolution treats every channel by itself, so the shuffle may as well come behind
   it. Where it strides, a quarter of the pixels are left to shuffle. (Elsewhere onnxruntime's int8
   kernels want it in front of it: a quarter of the time on x86.)
2. Grouped convolutions read and give the channels of a group in any order. All that a shuffle has
   to do is to bring each group so many channels out of each group. What transposes (g, n) to
   (n, g) and what transposes (n, g) to (g, n) both do that; the latter is the faster kernel in
   XNNPACK (in int8 34 us and 30 us for 60 channels at 28 x 28, 16 and 12 for 120 at 14 x 14).

Rows and columns of the weights follow. The tensors in between keep their names, but hold their
channels in another order than the module does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant, make_node, make_reshape
from edgeconv.graph.passes.shuffles.channel_moves import Shuffle, shuffle_at
from edgeconv.graph.view import (
    constant_of,
    input_of,
    integer,
    ints,
    require_constant,
    shape_of,
    sole_consumer,
)

Places = NDArray[np.intp]


def settle_grouped_shuffles(model: ir.Model) -> None:
    """Rewrites every shuffle between a grouped, a depthwise and a grouped convolution."""
    for node in tuple(model.graph):
        shuffle = shuffle_at(node)
        found = None if shuffle is None else _between(shuffle)
        if found is not None:
            _settle(model, found)


@dataclass(frozen=True, eq=False)
class _Between:
    """A shuffle and the convolutions around it."""

    shuffle: Shuffle
    first: ir.Node
    depthwise: ir.Node
    second: ir.Node

    @property
    def channels(self) -> int:
        """How many are shuffled."""
        return shape_of(self.first.outputs[0])[1]

    def counts(self, came_from: Places) -> Places:
        """(groups given, groups read): how many channels a shuffle brings from one to the other."""
        given, read = _groups(self.first), _groups(self.second)
        found = np.zeros((given, read), np.intp)
        size = self.channels
        np.add.at(found, (came_from * given // size, np.arange(size) * read // size), 1)
        return found

    def blocks(self, came_from: Places) -> Places:
        """The places behind a shuffle, sorted by the group read, the group given, and place."""
        given, read = _groups(self.first), _groups(self.second)
        places = np.arange(self.channels)
        keys = (places, came_from * given // self.channels, places * read // self.channels)
        return np.lexsort(keys)


def _between(shuffle: Shuffle) -> _Between | None:
    source = shuffle.nodes[0].inputs[0]
    while source is not None and sole_consumer(source) is not None:
        node = source.producer()
        if node is None or not _treats_alike(node):
            break
        source = node.inputs[0]
    if source is None or sole_consumer(source) is None:
        return None
    first, depthwise = source.producer(), sole_consumer(shuffle.nodes[-1].outputs[0])
    if first is None or depthwise is None or not (_is_conv(first) and _is_conv(depthwise)):
        return None
    second = sole_consumer(depthwise.outputs[0])
    size = shape_of(first.outputs[0])[1]
    by_channel = _groups(depthwise) == size == shape_of(depthwise.outputs[0])[1]
    if second is None or not _is_conv(second) or not by_channel or _groups(second) == size:
        return None
    return _Between(shuffle, first, depthwise, second)


def _settle(model: ir.Model, found: _Between) -> None:
    size, groups = found.channels, found.shuffle.groups
    before = _came_from(size, groups)
    after = _came_from(size, size // groups)
    apart = size // groups
    if not np.array_equal(found.counts(before), found.counts(after)):
        apart, after = groups, before
    # Where both shuffles bring a channel from the same group to the same group, it may be the same.
    old_place = np.empty(size, np.intp)
    old_place[found.blocks(after)] = found.blocks(before)
    place_of_given = np.empty(size, np.intp)  # old places, in the order the first gives them now
    place_of_given[after] = old_place
    _reorder(model, found.first, before[place_of_given])
    strides = max(ints(found.depthwise, "strides", (1, 1))) > 1
    _reorder(model, found.depthwise, place_of_given if strides else old_place)
    _reorder_columns(model, found.second, old_place)
    source = input_of(found.shuffle.nodes[0])
    if strides:
        found.depthwise.replace_input_with(0, source)
        _insert(model, found.depthwise.outputs[0], found.second, apart, found.shuffle)
    else:
        _insert(model, source, found.depthwise, apart, found.shuffle)
    for node in reversed(found.shuffle.nodes):
        model.graph.remove(node, safe=True)


def _insert(model: ir.Model, x: ir.Value, reader: ir.Node, groups: int, shuffle: Shuffle) -> None:
    """Puts a shuffle that sees so many groups between a tensor and its reader."""
    n, size, *pixels = shape_of(x)
    apart, swapped = (n, groups, size // groups, *pixels), (n, size // groups, groups, *pixels)
    names = [node.name or node.op_type for node in shuffle.nodes]

    split = make_reshape(model, x, name=names[0], shape=apart)
    swap = make_node(
        "Transpose",
        [split.outputs[0]],
        name=names[1],
        shape=swapped,
        attributes={"perm": (0, 2, 1, 3, 4)},
    )
    joined = make_reshape(model, swap.outputs[0], name=names[2], shape=(n, size, *pixels))
    model.graph.insert_before(reader, [split, swap, joined])
    reader.replace_input_with(0, joined.outputs[0])


def _came_from(size: int, groups: int) -> Places:
    """The place each channel of a shuffle that sees so many groups comes from."""
    return np.arange(size).reshape(groups, -1).T.reshape(-1)


def _reorder(model: ir.Model, conv: ir.Node, rows: Places) -> None:
    for index in (1, 2):
        if len(conv.inputs) > index and conv.inputs[index] is not None:
            moved = require_constant(conv, index)[rows]
            conv.replace_input_with(index, add_constant(model, f"{conv.name}::{index}", moved))


def _reorder_columns(model: ir.Model, conv: ir.Node, old_place: Places) -> None:
    """Gives the columns of each group the order of the channels it reads now."""
    weight, groups = require_constant(conv, 1), _groups(conv)
    rows = np.split(weight, groups)
    columns = np.split(old_place, groups)
    width = weight.shape[1]
    moved = [
        row[:, column - j * width]
        for j, (row, column) in enumerate(zip(rows, columns, strict=True))
    ]
    constant = add_constant(model, f"{conv.name}::1", np.concatenate(moved))
    conv.replace_input_with(1, constant)


def _groups(conv: ir.Node) -> int:
    return integer(conv, "group", 1)


def _treats_alike(node: ir.Node) -> bool:
    """Whether it computes each value by itself, those of every channel alike."""
    operator = operator_of(node)
    return operator.kind in ("activation", "arithmetic") and operator.channels == "alike"


def _is_conv(node: ir.Node) -> bool:
    constants = [constant_of(value) for value in node.inputs[1:] if value is not None]
    return node.op_type == "Conv" and all(array is not None for array in constants)
