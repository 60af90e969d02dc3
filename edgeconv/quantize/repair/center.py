"""Centring: shifts channels of linear tensors until they share the middle of their tensor's range.

A tensor that no activation has clamped (the output of a linear bottleneck, a residual sum) has
channels that reach far up and others that reach far down. int8 has one range for all of them, as
wide as both. Shifted channel by channel so that their middles meet, they need less of it:

    channel 1   [-2, 10]  ->  [-6, 6]
    channel 2   [-9,  1]  ->  [-5, 5]       one range: 19 wide before, 12 after

The shift is exact in float: it is taken out of the biases of the layers that write the tensor and
given back in the biases of those that read it (`offsets`). Where additions tie tensors together,
each writer's shifts are chosen by least squares over all tensors of the group, relative to their
widths. Every tensor between writers and readers must hand the offset on, and no reader may pad.

Extremes of calibration photos are outliers more often than not, so channels are shifted by a part
of the way only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgeconv.graph.view import activation_inputs, name_of
from edgeconv.quantize.observe.observations import Observations
from edgeconv.quantize.plan.weights import layer_of
from edgeconv.quantize.repair.channels import ChannelGroup, channel_groups
from edgeconv.quantize.repair.offsets import Array, Biases, is_padded, keeps_offsets, producers
from edgeconv.quantize.repair.repairs import Offsets

#: Part of the way to the middle.
STRENGTH = 0.6
#: Weight of the shifts' own size in the least squares: decides where nothing else does.
RELUCTANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Centred:
    """A graph with its linear channels centred, and what was taken out of each."""

    model: ir.Model
    offsets: Offsets


def center_channels(model: ir.Model, observations: Observations) -> Centred:
    """A copy of the hub graph with its linear channels centred, the same function up to rounding.

    Args:
        model: a hub graph.
        observations: of this graph; only channel extremes are read.
    """
    copy = model.clone()
    biases = Biases(copy)
    offsets: dict[str, tuple[float, ...]] = {}
    for group in channel_groups(copy):
        shares = _shares(copy, group) if group.is_plain else None
        if shares is None:
            continue
        shifts = _shifts(group, shares, observations)
        for layer, shift in zip(group.writers, shifts, strict=True):
            biases.lower(layer, shift)
        for layer in group.readers:
            biases.make_up(layer, shares[name_of(layer.source)] @ shifts)
        for name in group.tensors:
            offsets[name] = tuple((shares[name] @ shifts).astype(np.float32).tolist())
    biases.store()
    return Centred(copy, offsets)


def _shares(model: ir.Model, group: ChannelGroup) -> Mapping[str, Array] | None:
    """How many times each writer's offset is in each tensor, (writers,); None for a group that
    does not hand offsets on."""
    if any(is_padded(reader) for reader in group.readers):
        return None
    number = {id(writer.node): i for i, writer in enumerate(group.writers)}
    shares: dict[str, Array] = {}
    for name, node in producers(model, group).items():
        if id(node) in number and layer_of(node) is not None:
            shares[name] = np.eye(len(number))[number[id(node)]]
        elif node.op_type == "Add" or keeps_offsets(node):
            shares[name] = np.sum([shares[name_of(v)] for _, v in activation_inputs(node)], axis=0)
        else:
            return None
    return shares


def _shifts(
    group: ChannelGroup,
    shares: Mapping[str, Array],
    observations: Observations,
) -> Array:
    """The shift of every writer's channels, (writers, channels)."""
    rows, wanted = [], []
    for name in group.tensors:
        if name in observations.tensors:
            seen = observations.tensors[name]
            low, high = (a.astype(np.float64) for a in (seen.channel_minimum, seen.channel_maximum))
            width = max(float(high.max() - low.min()), 1e-30)
            rows.append(shares[name] / width)
            wanted.append((low + high) / 2 / width)
    system, right = np.array(rows), np.array(wanted)
    gram = system.T @ system
    gram += RELUCTANCE**2 * np.trace(gram) * np.eye(len(gram))
    return STRENGTH * np.linalg.solve(gram, system.T @ right).astype(np.float64)
