"""Divides layers behind which a swish is scaled into parts of one factor each.

A factor for each channel in front of a sigmoid is a product more over the whole tensor, and keeps
XNNPACK from looking a swish up: it then computes three operators in place of one. With one factor
for all its channels a swish is looked up, factor and all. So the layer's output channels are put
in the order of their factors (`tied`), and those of one factor get a layer and a swish to
themselves:

                                                  x1 -> swish of x1 / k1 ──┐
    k x -> Mul(1 / k) -> Sigmoid, Mul -> y        x2 -> swish of x2 / k2 ──┴─> Concat -> y

The same function, and each part of x has a grid of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import BundleRefused
from edgeconv.graph.gates import is_gate
from edgeconv.graph.passes.edit import add_constant, make_node, replace_node
from edgeconv.graph.view import (
    input_of,
    name_of,
    producer_of,
    require_constant,
    shape_of,
)
from edgeconv.quantize.plan.weights import Layer
from edgeconv.quantize.repair.channel_flow import scalable
from edgeconv.quantize.repair.repairs import Orders, Repairs, Sizes
from edgeconv.quantize.repair.swish import argument_of
from edgeconv.quantize.repair.tied import Tied, reorder, tied_to

#: Factors that a swish's channels are rounded to: as many parts. On EfficientNet-B0 three gain no
#: more than two at the same cost, for fewer swishes get them.
PARTS = 2


@dataclass(frozen=True, eq=False)
class Divided:
    """A graph with divided layers.

    Attributes:
        model: the graph.
        sizes: by the swish's tensor, how many channels each part has.
        orders: by tensor, for each of its channels which one of the net's it is.
    """

    model: ir.Model
    sizes: Sizes
    orders: Orders


def part_names(tensor: str, part: int) -> tuple[str, str, str]:
    """The names in a part of what its layer gives, what its sigmoid reads, and its swish."""
    stem = f"{tensor}/part{part}"
    return f"{stem}/layer", argument_of(stem), stem


def repairs_of(divided: Divided, scaled: Repairs) -> Repairs:
    """What was done to a divided graph's tensors, scaled before that."""
    orders = divided.orders
    factors = {
        name: tuple(of[c] for c in orders[name]) if name in orders else of
        for name, of in scaled.factors.items()
    }
    for tensor, sizes in divided.sizes.items():
        starts = np.cumsum((0, *sizes)).tolist()
        whole = factors.get(tensor, (1.0,) * sum(sizes))
        for part, size in enumerate(sizes):
            layer, _, swish = part_names(tensor, part)
            factors |= dict.fromkeys((layer, swish), whole[starts[part] : starts[part] + size])
    return Repairs(factors, swishes=scaled.swishes, divided=divided.sizes, orders=orders)


def levels_of(factors: NDArray[np.float64], count: int = PARTS) -> NDArray[np.float64]:
    """Factors rounded to a few levels, for the least squared error of their logarithms.

    Args:
        factors: positive, (channels,).
        count: of the levels, at most.
    """
    order = np.argsort(factors, kind="stable")
    logs = np.log(factors[order])
    ends, means = _segments(logs, min(count, len(np.unique(logs))))
    rounded = np.empty(len(logs))
    for start, end, mean in zip((0, *ends), ends, means, strict=False):
        rounded[order[start:end]] = np.exp(mean)
    return rounded


def _segments(ordered: NDArray[np.float64], count: int) -> tuple[list[int], list[float]]:
    """Ends and means of the segments of ordered values that lie closest to their means."""
    size = len(ordered)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    squares = np.concatenate([[0.0], np.cumsum(ordered**2)])
    error, cuts = np.full(size + 1, np.inf), np.zeros((count, size + 1), np.int64)
    error[0] = 0.0
    for row in cuts:
        before, error = error, np.full(size + 1, np.inf)
        for end in range(1, size + 1):
            start = np.arange(end)
            spread = squares[end] - squares[:end] - (sums[end] - sums[:end]) ** 2 / (end - start)
            whole = before[:end] + np.maximum(spread, 0.0)
            row[end] = int(whole.argmin())
            error[end] = whole[row[end]]
    ends = [size]
    for row in cuts[:0:-1]:
        ends.insert(0, int(row[ends[0]]))
    starts = [0, *ends[:-1]]
    means = [(sums[b] - sums[a]) / (b - a) for a, b in zip(starts, ends, strict=True)]
    return ends, means


def divisible(product: ir.Node) -> tuple[Layer, Tied] | None:
    """The layer behind which a node gives a swish, and what is tied to it, where it can be divided.

    Depthwise layers are not: their parts would have to be cut out of what they read. Nor are those
    of larger windows, whose few channels fill the kernels' tiles less well in parts.
    """
    layer = next((found for v in product.inputs if v and (found := _layer_behind(v))), None)
    if layer is None or layer.operator.kind != "convolution":
        return None
    weight, output = shape_of(layer.weight), layer.node.outputs[0]
    is_pointwise = layer.axis == 0 and weight[1:] == (shape_of(layer.source)[1], 1, 1)
    if not is_pointwise or weight[0] < 2 * PARTS or len(tuple(output.uses())) > 2:
        return None
    tied = tied_to(output)
    return None if tied is None else (layer, tied)


def _layer_behind(value: ir.Value) -> Layer | None:
    node = value.producer()
    return None if node is None else scalable(node)


def divisible_of(model: ir.Model, tensors: Iterable[str]) -> list[str]:
    """Those of some swishes' tensors that can be divided, no two of them over the same channels."""
    products = {name_of(node.outputs[0]): node for node in model.graph}
    taken: set[str] = set()
    chosen = []
    for tensor in tensors:
        found = divisible(products[tensor])
        if found is not None and taken.isdisjoint(found[1].tensors):
            taken.update(found[1].tensors)
            chosen.append(tensor)
    return chosen


def divide_by_factor(model: ir.Model, tensors: Iterable[str]) -> Divided:
    """A copy in which channels of one factor have a layer and a swish to themselves.

    Args:
        model: a hub graph.
        tensors: of `divisible_of`, with an argument of their own; a few factors each.
    """
    products = {name_of(node.outputs[0]): node for node in model.graph}
    sizes, orders = {}, {}
    for tensor in tensors:
        factors = require_constant(_argument(products[tensor]), 1).reshape(-1)
        _, counts = np.unique(factors, return_counts=True)
        if len(counts) > 1:
            sizes[tensor] = tuple(counts.tolist())
            orders[tensor] = tuple(np.argsort(factors, kind="stable").tolist())
    return divide(model, sizes, orders)


def divide(model: ir.Model, sizes: Sizes, orders: Orders) -> Divided:
    """A copy in which swishes with an argument of their own are divided with their layers.

    Args:
        model: a hub graph.
        sizes: by the swish's tensor, the channels of each part, which have the same factor.
        orders: of these tensors' channels; others are not looked at.

    Raises:
        BundleRefused: one is of no such swish, or not of its channels.
    """
    copy = model.clone()
    found: dict[str, tuple[int, ...]] = {}
    for tensor, of in sizes.items():
        product = next((n for n in copy.graph if n.outputs[0].name == tensor), None)
        held = None if product is None else divisible(product)
        order = orders.get(tensor, ())
        if product is None or held is None or not _is_of(order, of, shape_of(product.outputs[0])):
            raise BundleRefused(
                f"the repairs divide {tensor[:80]!r}, which this net's channels do not allow; "
                "export the net again"
            )
        layer, tied = held
        reorder(copy, tied, np.array(order))
        _cut(copy, product, layer, of)
        found |= dict.fromkeys(tied.tensors, order)
    left = {value.name for node in copy.graph for value in node.outputs}
    return Divided(copy, sizes, {name: order for name, order in found.items() if name in left})


def _is_of(order: tuple[int, ...], sizes: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    fits = sum(sizes) == shape[1] and min(sizes, default=0) > 0
    return fits and sorted(order) == list(range(shape[1]))


def _gate(product: ir.Node) -> ir.Node:
    """The gate of a swish whose sigmoid has an argument of its own."""
    return next(node for v in product.inputs if v and (node := v.producer()) and is_gate(v))


def _argument(product: ir.Node) -> ir.Node:
    return producer_of(input_of(_gate(product)))


def _cut(model: ir.Model, product: ir.Node, layer: Layer, sizes: tuple[int, ...]) -> None:
    """Puts a layer, a factor and a swish for each part in the place of a product's."""
    tensor, gate, argument = name_of(product.outputs[0]), _gate(product), _argument(product)
    nodes, parts, start = list[ir.Node](), list[ir.Value](), 0
    for number, size in enumerate(sizes):
        channels = slice(start, start + size)
        made = _part(model, (layer, argument, gate, product), channels, part_names(tensor, number))
        nodes += made
        parts.append(made[-1].outputs[0])
        start += size
    whole = shape_of(product.outputs[0])
    joined = make_node("Concat", parts, name=tensor, shape=whole, attributes={"axis": 1})
    replace_node(model, product, *nodes, joined)
    joined.outputs[0].name = tensor
    for node in (gate, argument, layer.node):
        model.graph.remove(node, safe=True)


def _part(
    model: ir.Model,
    whole: tuple[Layer, ir.Node, ir.Node, ir.Node],
    channels: slice,
    names: tuple[str, str, str],
) -> list[ir.Node]:
    """The nodes of one part: its layer, its factor, its gate and its product."""
    layer, argument, gate, product = whole
    batch, _, *pixels = shape_of(product.outputs[0])
    shape = (batch, channels.stop - channels.start, *pixels)
    held = [
        add_constant(model, f"{names[0]}.{index}", require_constant(layer.node, index)[channels])
        for index in (1, 2)
    ]
    factors = require_constant(argument, 1)
    one = factors[:, channels].reshape(-1)[:1].reshape((1,) * len(shape))
    made = _like(layer.node, [layer.source, *held], names[0], shape)
    scale = add_constant(model, f"{names[1]}.factor", one)
    read = _like(argument, [made.outputs[0], scale], names[1], shape)
    gated = _like(gate, [read.outputs[0]], f"{names[2]}/gate", shape)
    return [
        *(made, read, gated),
        _like(product, [made.outputs[0], gated.outputs[0]], names[2], shape),
    ]


def _like(node: ir.Node, inputs: list[ir.Value], name: str, shape: tuple[int, ...]) -> ir.Node:
    """A node of the same operator and attributes."""
    made = make_node(node.op_type, inputs, name=name, shape=shape)
    for attribute in node.attributes.values():
        made.attributes.add(attribute)
    made.outputs[0].name = name
    return made
