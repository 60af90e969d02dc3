"""Takes channel shuffles out of the graph.

A shuffle (Zhang et al., https://arxiv.org/abs/1707.01083, section 3.1) is exported as

    Reshape (N, g, C/g, H, W) -> Transpose (0, 2, 1, 3, 4) -> Reshape (N, C, H, W)

and costs passes over the tensor on a phone. Yet it only renames channels, as the Concat before it
and the Split behind it do. So everything between the tensors that are computed (the sources) and
those that are read (the results) is followed channel by channel; then

1. the convolution behind each source gives its channels sorted by the result that reads them, so
   that each result takes one run of neighbouring channels of each source;
2. each result is the Concat of those runs, in whatever order they come, and the convolutions that
   read it have the columns of their weights in that order.

ShuffleNetV2's unit, x1 and x2 the halves of what came before:

    Concat(x1, branch(x2)) -> shuffle -> Split      becomes      Concat of Slices, for x2 alone

A channel that passes is copied once, when a convolution reads it, not in every unit. Convolutions
add up their inputs in another order than before; nothing else changes. Tensors keep their names,
but may hold their channels in another order than the module does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.passes.edit import add_constant, make_node, substitute
from edgeconv.graph.passes.shuffles.channel_moves import (
    Channels,
    follow,
    joined_groups,
    moves_channels,
    shuffle_at,
)
from edgeconv.graph.passes.shuffles.channel_orders import ChannelOrders, reorder
from edgeconv.graph.view import producer_of, shape_of

#: Taking a tensor apart into more runs than this is dearer than to shuffle it.
_MOST_RUNS = 4

#: XNNPACK joins up to this many tensors; more of them leave LiteRT's delegate.
_MOST_PARTS = 5


def fold_shuffles(model: ir.Model) -> None:
    """Replaces operators that move channels, where a shuffle is among them, by Slices and Concats.

    A list of indices is one as well, however a net comes by it.

    They stay as they are where that would take many runs, because sources and results must keep
    their order: they are the graph's own, or read by operators that are neither dense convolutions
    nor treat every channel by itself (the grouped convolutions of the first ShuffleNet).
    """
    found = [shuffle for node in model.graph if (shuffle := shuffle_at(node)) is not None]
    shuffles = {shuffle.nodes[-1]: shuffle.groups for shuffle in found}
    moving = {node for shuffle in found for node in shuffle.nodes}
    moving |= {node for node in model.graph if moves_channels(node)}
    for group in joined_groups(model.graph, moving):
        if not shuffles.keys().isdisjoint(group) or any(n.op_type == "Gather" for n in group):
            _fold(model, group, shuffles)


def _fold(model: ir.Model, group: Sequence[ir.Node], shuffles: Mapping[ir.Node, int]) -> None:
    """Rewrites operators that hand tensors to each other, where that pays."""
    came_from = follow(group, shuffles)
    results = [v for node in group for v in node.outputs if _is_read_outside(v, group)]
    sources = list(dict.fromkeys(source for v in results for source, _ in came_from[v]))
    orders = ChannelOrders(model.graph, left_out=group)
    ends = Counter(orders.of(value) for value in (*sources, *results))
    # Two ends of one class would each ask for an order of their own.
    free = {order for order, count in ends.items() if order.free and count == 1}
    sorted_sources = {
        source: _by_reader(source, [came_from[v] for v in results])
        for source in sources
        if orders.of(source) in free
    }
    placed = {
        (source, channel): place
        for source, channels in sorted_sources.items()
        for place, channel in enumerate(channels)
    }
    taken = [
        _Taken.of(
            [(source, placed.get((source, i), i)) for source, i in came_from[value]],
            sources,
            any_order=orders.of(value) in free,
        )
        for value in results
    ]
    if any(each.runs_of_a_source > _MOST_RUNS for each in taken):
        return
    if any(_joins_ends(value, each.runs) for value, each in zip(results, taken, strict=True)):
        return
    for source, channels in sorted_sources.items():
        reorder(model, orders.of(source), np.array(channels))
    for value, each in zip(results, taken, strict=True):
        reorder(model, orders.of(value), each.order)
        _give(model, value, each.runs)
    for node in reversed(group):
        model.graph.remove(node, safe=True)


@dataclass(frozen=True)
class _Run:
    """Neighbouring channels of a tensor, from `start` up to but without `stop`."""

    source: ir.Value
    start: int
    stop: int


@dataclass(frozen=True)
class _Taken:
    """How a result is put together.

    Attributes:
        order: place in the new tensor -> channel of the old.
        runs: the new tensor, in order.
    """

    order: NDArray[np.intp]
    runs: tuple[_Run, ...]

    @property
    def runs_of_a_source(self) -> int:
        """The most that are taken of one source."""
        return max(Counter(run.source for run in self.runs).values())

    @classmethod
    def of(cls, channels: Channels, sources: Sequence[ir.Value], *, any_order: bool) -> _Taken:
        """Puts channels together, sorted by source and place where any order will do."""
        order = list(range(len(channels)))
        if any_order:
            order.sort(key=lambda i: (sources.index(channels[i][0]), channels[i][1]))
        return cls(np.array(order), tuple(_runs(channels[i] for i in order)))


def _runs(channels: Iterable[tuple[ir.Value, int]]) -> Iterator[_Run]:
    run: _Run | None = None
    for source, channel in channels:
        if run is not None and run.source is source and run.stop == channel:
            run = replace(run, stop=channel + 1)
            continue
        if run is not None:
            yield run
        run = _Run(source, channel, channel + 1)
    if run is not None:
        yield run


def _by_reader(source: ir.Value, results: Sequence[Channels]) -> list[int]:
    """The channels of a source in the order their readers want them.

    Channels that the same results read come together; among them, the first such result's order.
    """
    readers: list[list[int]] = [[] for _ in range(shape_of(source)[1])]
    places: list[list[int]] = [[] for _ in readers]
    for number, channels in enumerate(results):
        for place, (other, channel) in enumerate(channels):
            if other is source:
                readers[channel].append(number)
                places[channel].append(place)
    return sorted(range(len(readers)), key=lambda channel: (readers[channel], places[channel]))


def _is_read_outside(value: ir.Value, group: Sequence[ir.Node]) -> bool:
    return value.is_graph_output() or any(use.node not in group for use in value.uses())


def _joins_ends(value: ir.Value, runs: Sequence[_Run]) -> bool:
    """Whether an output of the graph would be another end of it, which has a name of its own."""
    source = runs[0].source
    return (
        value.is_graph_output()
        and len(runs) == 1
        and _is_whole(runs[0])
        and (source.is_graph_input() or source.is_graph_output())
    )


def _is_whole(run: _Run) -> bool:
    return (run.start, run.stop) == (0, shape_of(run.source)[1])


def _give(model: ir.Model, value: ir.Value, runs: Sequence[_Run]) -> None:
    """Makes every reader of a tensor read the runs, joined."""
    node = producer_of(value)
    nodes: list[ir.Node] = []
    parts: list[ir.Value] = []
    for run in runs:
        if _is_whole(run):
            parts.append(run.source)
            continue
        nodes.append(_slice(model, node, run))
        parts.append(nodes[-1].outputs[0])
    while len(parts) > 1:
        first, last = _smallest(parts)
        nodes.append(_concat(node, parts[first:last]))
        parts[first:last] = [nodes[-1].outputs[0]]
    model.graph.insert_before(node, nodes)
    substitute(model, value, parts[0])


def _smallest(parts: Sequence[ir.Value]) -> tuple[int, int]:
    """First and last + 1 of the parts to join first: all, or the smallest that must be."""
    if len(parts) <= _MOST_PARTS:
        return 0, len(parts)
    count = min(len(parts) - _MOST_PARTS + 1, _MOST_PARTS)
    sizes = [shape_of(part)[1] for part in parts]
    first = min(range(len(parts) - count + 1), key=lambda i: sum(sizes[i : i + count]))
    return first, first + count


def _concat(before: ir.Node, parts: Sequence[ir.Value]) -> ir.Node:
    name = f"{(before.name or '').rpartition('/')[0]}/Concat"
    batch, _, height, width = shape_of(parts[0])
    shape = (batch, sum(shape_of(part)[1] for part in parts), height, width)
    return make_node("Concat", parts, name=name, shape=shape, attributes={"axis": 1})


def _slice(model: ir.Model, before: ir.Node, run: _Run) -> ir.Node:
    name = f"{(before.name or '').rpartition('/')[0]}/Slice"
    spans = {"starts": run.start, "ends": run.stop, "axes": 1}
    constants = [
        add_constant(model, f"{name}::{role}", np.array([number], np.int64))
        for role, number in spans.items()
    ]
    batch, _, height, width = shape_of(run.source)
    shape = (batch, run.stop - run.start, height, width)
    return make_node("Slice", [run.source, *constants], name=name, shape=shape)
