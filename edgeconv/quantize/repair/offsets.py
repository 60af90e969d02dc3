"""Moving a constant offset of a channel from the layer that writes it to the layers that read it.

Subtracting s[c] from channel c of a layer's output, in its bias, changes nothing in float if every
reader adds what it thereby misses to its own bias:

    sum over input channels c and taps k of weight[o, c, k] * s[c]

That holds for readers without zero padding (a padded tap reads 0, not 0 - s), and across operators
that hand an offset on: additions add offsets up, pools that average or compare real values only
keep them.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import (
    constant_of,
    integer,
    ints,
    name_of,
    require_constant,
    set_constant,
)
from edgeconv.quantize.plan.columns import as_rows
from edgeconv.quantize.plan.weights import Layer
from edgeconv.quantize.repair.channels import ChannelGroup

Array = NDArray[np.float64]


def keeps_offsets(node: ir.Node) -> bool:
    """Whether an operator's output has the offset of its input; a clamp's has not."""
    operator = operator_of(node)
    counts_padding = any(ints(node, "pads", (0,))) and integer(node, "count_include_pad", 0)
    return (
        operator.kind in ("pool", "reduction", "view")
        and operator.values != "computed"
        and not counts_padding
    )


def is_padded(layer: Layer) -> bool:
    """Whether a reader sees zeros that are not part of the tensor."""
    return any(ints(layer.node, "pads", (0,)))


def producers(model: ir.Model, group: ChannelGroup) -> dict[str, ir.Node]:
    """The node that computes each of the group's tensors, in order."""
    names = set(group.tensors)
    return {name_of(node.outputs[0]): node for node in model.graph if node.outputs[0].name in names}


class Biases:
    """The biases of a graph while offsets are moved; `store` writes them back."""

    def __init__(self, model: ir.Model) -> None:
        self._model = model
        self._changed: dict[str, Array] = {}

    def lower(self, writer: Layer, offset: Array) -> None:
        """Takes an offset, (channels,), out of what a layer writes."""
        self._add(writer, -offset)

    def make_up(self, reader: Layer, offset: Array) -> None:
        """Gives a layer back what it misses of an input that lost an offset, (channels,)."""
        rows = as_rows(reader, require_constant(reader.node, 1).astype(np.float64))
        groups, outputs, _ = rows.shape
        by_group = offset.reshape(groups, 1, -1)
        by_channel = rows.reshape(groups, outputs, by_group.shape[2], -1).sum(axis=3)
        self._add(reader, (by_channel * by_group).sum(axis=2).reshape(-1))

    def store(self) -> None:
        """Puts the changed biases into the graph, float32."""
        for name, array in self._changed.items():
            set_constant(self._model, name, array)

    def _add(self, layer: Layer, offset: Array) -> None:
        if layer.bias is None:
            raise AssertionError("channel_groups admits layers with a bias only")
        name = name_of(layer.bias)
        if name not in self._changed:
            self._changed[name] = np.array(constant_of(layer.bias), np.float64)
        bias = self._changed[name]
        bias += offset.reshape(bias.shape)
