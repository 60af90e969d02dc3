"""Which tensors of a graph are tied channel by channel, and which layers write and read them.

Channel c of a convolution's output can be multiplied by any k > 0 without changing what the net
computes, as long as every layer that reads it divides its weights for c by the same k, and every
operator on the way commutes with a positive factor: ReLU, pooling, addition of tensors scaled
alike, the gate of squeeze-and-excitation (x times a sigmoid). ReLU6 commutes as long as nothing is
clipped. Swish, hard-swish and sigmoid do not: what they read and write keeps its scale.

Channels are followed one by one, each as a number: a concatenation puts the numbers of its inputs
in a row, a split or a slice takes some of them out, an addition makes two of them one. Tensors that
have a channel in common form a group.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import input_of, name_of
from edgeconv.quantize.plan.weights import Layer
from edgeconv.quantize.repair.channel_flow import ChannelFlow, Index


@dataclass
class ChannelGroup:
    """Tensors that have channels in common.

    Attributes:
        tensors: hub name -> the group's channel that each of its channels is, in the order they
            are computed.
        writers: layers whose output channels are the group's.
        readers: layers whose input channels are the group's.
        arguments: products by a constant that give gates on the group their argument.
        ceilings: lowest upper bound an activation clips each channel at; infinite where none does.
        pinned: bool (channels,), which channels must keep their scale.
    """

    tensors: dict[str, Index] = field(default_factory=dict)
    writers: list[Layer] = field(default_factory=list)
    readers: list[Layer] = field(default_factory=list)
    arguments: list[ir.Node] = field(default_factory=list)
    ceilings: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    pinned: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def channels(self) -> int:
        """How many channels the group has."""
        return len(self.pinned)

    @property
    def is_plain(self) -> bool:
        """Whether every tensor has all of the group's channels in order, and none is pinned."""
        order = np.arange(self.channels)
        return not self.pinned.any() and all(
            np.array_equal(index, order) for index in self.tensors.values()
        )

    def written_by(self, layer: Layer) -> Index:
        """The group's channels that a writer's output channels are."""
        return self.tensors[name_of(layer.node.outputs[0])]

    def read_by(self, layer: Layer) -> Index:
        """The group's channels that a reader's input channels are."""
        return self.tensors[name_of(layer.source)]


def channel_groups(model: ir.Model) -> list[ChannelGroup]:
    """Every group that may be rescaled: written by layers, read by layers, not all of it pinned."""
    flow = ChannelFlow(model)
    groups: dict[int, ChannelGroup] = {}
    roots = flow.classes_by_group()
    for number, classes in roots.items():
        group = groups[number] = ChannelGroup()
        group.pinned = flow.pinned[classes]
        group.ceilings = flow.ceilings[classes]
    for name, channels in flow.channels.items():
        number = flow.group_of(name)
        groups[number].tensors[name] = np.searchsorted(roots[number], flow.found(channels))
    for layer in flow.layers:
        groups[flow.group_of(name_of(layer.node.outputs[0]))].writers.append(layer)
        groups[flow.group_of(name_of(layer.source))].readers.append(layer)
    for node in flow.arguments:
        groups[flow.group_of(name_of(input_of(node)))].arguments.append(node)
    return [g for g in groups.values() if g.writers and g.readers and not g.pinned.all()]
