"""Copies of channels: one layer writes a channel twice, and what reads it takes half of each.

    writer ─> clamp ─┬─────────────────────────────> readers      W[:, j] / 2, W[:, slot] / 2
                     └─> depthwise ─> clamp ─> ...

Where a channel of such a chain can only hold one value it does nothing that a bias could not do,
and another channel can take its place: the rows of the writer and of every depthwise layer are
copied there, and the columns of the readers are shared out. The net computes the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgeconv.errors import BundleRefused
from edgeconv.graph.fusion import fused_activation, written_output
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import constant_of, integer, name_of, set_constant, shape_of
from edgeconv.quantize.plan.weights import Layer, layer_of
from edgeconv.quantize.repair.bounds import Array, ChannelBounds
from edgeconv.quantize.repair.offsets import is_padded
from edgeconv.quantize.repair.repairs import Copies, sources


@dataclass(frozen=True, eq=False)
class Chain:
    """Tensors whose channels stay apart from the layer that writes them to those that mix them.

    Attributes:
        writers: the layer that computes the channels and the depthwise ones that hand them on.
        written: the tensor behind each of them, past its clamp.
        tensors: all of those and the pools' between them, in order.
        readers: the layers that mix the channels again.
    """

    writers: tuple[Layer, ...]
    written: tuple[ir.Value, ...]
    tensors: tuple[str, ...]
    readers: tuple[Layer, ...]

    @property
    def channels(self) -> int:
        """How many there are."""
        return shape_of(self.written[0])[1]

    def free(self, bounds: Mapping[str, ChannelBounds]) -> list[int]:
        """Channels of which the readers only ever see one value.

        It must be zero where a reader pads: it is not in the padding, so no bias can replace it.
        """
        last = bounds[self.tensors[-1]]
        free = last.constant
        if any(is_padded(reader) for reader in self.readers):
            free = free & (last.low == 0)
        return np.flatnonzero(free).tolist()


def chains(model: ir.Model) -> Iterator[Chain]:
    """Every chain of a hub graph, in the order they are computed."""
    for node in model.graph:
        layer = layer_of(node)
        if layer is not None and _is_mixing(layer) and _is_own(layer):
            chain = _followed(layer)
            if chain is not None:
                yield chain


def _followed(writer: Layer) -> Chain | None:
    if fused_activation(writer.node) is None:
        return None  # a linear channel is free only where its weights are zero
    layers = [writer]
    value = written_output(writer.node)
    written, tensors = [value], [name_of(value)]
    while True:
        readers = _readers(value)
        if not readers:
            return None
        (node, layer), *others = readers
        if not others and _pools_windows(node):
            value = node.outputs[0]
        elif not others and layer is not None and _is_clamped_depthwise(layer):
            layers.append(layer)
            value = written_output(node)
            written.append(value)
        elif all(found is not None and _is_mixing(found) for _, found in readers):
            mixing = tuple(found for _, found in readers if found is not None)
            return Chain(tuple(layers), tuple(written), tuple(tensors), mixing)
        else:
            return None
        tensors.append(name_of(value))


def _readers(value: ir.Value) -> list[tuple[ir.Node, Layer | None]]:
    """Everything that reads a value, with its layer; nothing where the caller of the net does."""
    if value.is_graph_output():
        return []
    found = []
    for use in value.uses():
        layer = layer_of(use.node)
        if layer is not None and (use.idx != 0 or not _is_own(layer)):
            return []
        found.append((use.node, layer))
    return found


def _is_own(layer: Layer) -> bool:
    """Whether the layer has a bias, and no other node reads its constants."""
    return layer.bias is not None and all(
        len(list(value.uses())) == 1 for value in (layer.weight, layer.bias)
    )


def _is_mixing(layer: Layer) -> bool:
    return _is_convolution(layer) and integer(layer.node, "group", 1) == 1


def _is_clamped_depthwise(layer: Layer) -> bool:
    """Whether each output channel is made of the input channel of the same number, and clamped."""
    shape = shape_of(layer.weight)
    apart = shape[1] == 1 and integer(layer.node, "group", 1) == shape[0]
    return _is_convolution(layer) and apart and fused_activation(layer.node) is not None


def _pools_windows(node: ir.Node) -> bool:
    operator = operator_of(node)
    return operator.window is not None and operator.values != "computed"


def _is_convolution(layer: Layer) -> bool:
    """Whether it is one over images, (N, C, H, W)."""
    return layer.has_filters and len(shape_of(layer.weight)) == 4


def with_copies(model: ir.Model, copies: Copies, bounds: Mapping[str, ChannelBounds]) -> ir.Model:
    """A copy of the hub graph in which free channels are copies of others; the same function.

    Args:
        model: a hub graph.
        copies: for the tensors of any of its chains, free channel -> channel it shall copy.
        bounds: of its tensors; they say which channels are free, and what readers saw of them.

    Raises:
        BundleRefused: a tensor is in no chain, has no such channel, or the channel is not free.
    """
    copy = model.clone()
    known = {chain.tensors[0]: chain for chain in chains(copy)}
    left = set(copies)
    for first, chain in known.items():
        found = copies.get(first)
        if found is not None and all(copies.get(name) == found for name in chain.tensors):
            left -= set(chain.tensors)
            _copy(copy, chain, found, bounds)
    if left:
        raise BundleRefused(
            f"no channels can be copied in {min(left)[:80]!r}: the manifest is not this net's; "
            "export the net again"
        )
    return copy


def _copy(
    model: ir.Model,
    chain: Chain,
    copies: Mapping[int, int],
    bounds: Mapping[str, ChannelBounds],
) -> None:
    of, slots = sources(copies, chain.channels), list(copies)
    if not set(copies) <= set(chain.free(bounds)) or set(copies) & set(copies.values()):
        raise BundleRefused(
            f"{chain.tensors[0]} has no channels that are dead and can be such copies: the "
            "manifest is not this net's; export the net again"
        )
    lost = bounds[chain.tensors[-1]].low[slots]
    for layer in chain.writers:
        for value in (layer.weight, layer.bias):
            set_constant(model, _name(value), _array(value)[of])
    for layer in chain.readers:
        weight, bias = _array(layer.weight), _array(layer.bias)
        bias += (weight[:, slots].sum(axis=(2, 3)) * lost).sum(axis=1)
        shared = weight[:, of] / np.bincount(of)[of].reshape(1, -1, 1, 1)
        set_constant(model, _name(layer.weight), shared)
        set_constant(model, _name(layer.bias), bias)


def _array(value: ir.Value | None) -> Array:
    array = constant_of(value)
    if array is None:
        raise AssertionError("chains are of layers with a constant weight and bias")
    return np.array(array, np.float64)


def _name(value: ir.Value | None) -> str:
    if value is None:
        raise AssertionError("chains are of layers with a weight and a bias")
    return name_of(value)
