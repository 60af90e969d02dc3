"""Cross-layer equalization: moves scale between layers until channels fill their tensor's range.

An int8 tensor has one scale for all channels, so a channel with small values has few steps. Scaling
channel c of a tensor by k[c], and the weights that read it by 1 / k[c], changes nothing in float
(`channels` says where that holds) and gives quiet channels more steps. Rows of the layer that
writes the channel have a scale each, so they lose nothing. In the layers that read it a row's one
scale must then hold weights that differ more; `equalize_factors` weighs the one against the other.

The idea is Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias
Correction", section 4.1, which balances weight ranges of two layers; with a scale for each row and
photos at hand, weighing measured activations measures better.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import input_of, name_of, set_constant
from edgeconv.quantize.observe.observations import Observations
from edgeconv.quantize.plan.affine import STEPS
from edgeconv.quantize.plan.weights import Layer
from edgeconv.quantize.repair.channel_flow import Index
from edgeconv.quantize.repair.channels import ChannelGroup, channel_groups
from edgeconv.quantize.repair.divide import levels_of
from edgeconv.quantize.repair.equalize_factors import by_input_channel, factors_of
from edgeconv.quantize.repair.repairs import Factors
from edgeconv.quantize.repair.swish import argument_of, with_own_arguments

Weights = dict[str, NDArray[np.float64]]

#: Best of 0.25, 0.4 and 0.6 on held-back photos.
STRENGTH = 0.4


@dataclass(frozen=True, eq=False)
class Equalized:
    """A graph with equalized channels, and what those of each observed tensor were scaled by."""

    model: ir.Model
    factors: Factors


def equalize(
    model: ir.Model, observations: Observations, strength: float | None = None
) -> Equalized:
    """A copy of the hub graph with equalized channels, the same function up to rounding.

    Args:
        model: a hub graph.
        observations: of this graph; a few dozen photos are enough, only channels' extremes and
            moments are read.
        strength: how far channels are evened out, 0 to 1; None weighs for each group what the
            activations gain against what the weights lose.
    """
    copy = model.clone()
    return Equalized(copy, _scaled(copy, channel_groups(copy), observations, strength))


def scale_swishes(
    model: ir.Model,
    observations: Observations,
    tensors: Collection[str],
    rounded: Collection[str] = (),
) -> Equalized:
    """A copy in which these swishes' channels are evened out; their sigmoids get a Mul in front.

    Args:
        model: a hub graph.
        observations: of this graph.
        tensors: of those that `swishes` gives.
        rounded: those of them whose channels get one of a few factors (`divide`).
    """
    copy = with_own_arguments(model, tensors)
    new = {argument_of(name) for name in tensors}
    groups = [
        group
        for group in channel_groups(copy)
        if any(node.outputs[0].name in new for node in group.arguments)
    ]
    few = {argument_of(name) for name in rounded}
    return Equalized(copy, _scaled(copy, groups, observations, STRENGTH, few))


def _scaled(
    model: ir.Model,
    groups: Iterable[ChannelGroup],
    observations: Observations,
    strength: float | None,
    rounded: Collection[str] = (),
) -> Factors:
    """Scales the groups' channels in place; gives the factors of each observed tensor.

    Groups with one of the arguments `rounded` get a few factors.
    """
    weights: Weights = {}
    scaled: dict[str, tuple[float, ...]] = {}
    for group in groups:
        factors = factors_of(group, observations, strength)
        if any(node.outputs[0].name in rounded for node in group.arguments):
            factors = np.where(group.pinned, 1.0, levels_of(factors))
        for node in group.arguments:
            _take_back(node, factors, group.tensors[name_of(input_of(node))], weights)
        for layer in group.writers:
            _scale_rows(layer, factors[group.written_by(layer)], weights)
        for layer in group.readers:
            view = by_input_channel(layer, _loaded(layer.weight, weights))
            view /= factors[group.read_by(layer)].reshape(view.shape[0], 1, view.shape[2], 1)
        for name, index in group.tensors.items():
            if name in observations.tensors and (factors[index] != 1.0).any():
                scaled[name] = tuple(factors[index].tolist())
    for name, array in weights.items():
        set_constant(model, name, array)
    return scaled


def _scale_rows(layer: Layer, factors: NDArray[np.float64], weights: Weights) -> None:
    array = _loaded(layer.weight, weights)
    np.moveaxis(array, layer.axis, -1)[...] *= factors
    if layer.bias is not None:
        bias = _loaded(layer.bias, weights)
        bias *= factors.reshape(bias.shape)


def _take_back(node: ir.Node, factors: NDArray[np.float64], index: Index, weights: Weights) -> None:
    """Divides what a swish's argument is multiplied by, once the factors are rounded so that the
    int8 grid holds each quotient exactly."""
    held = _loaded(input_of(node, 1), weights).reshape(-1)
    wanted = held / factors[index]
    step = float(wanted.max()) / STEPS
    taken = np.where(factors[index] == 1.0, wanted, np.maximum(np.rint(wanted / step), 1.0) * step)
    factors[index] = held / taken
    held[...] = taken


def _loaded(value: ir.Value, weights: Weights) -> NDArray[np.float64]:
    """The working copy of an initializer, float64, changed in place."""
    name = name_of(value)
    if name not in weights:
        if value.const_value is None:
            raise AssertionError(f"{name} is an initializer")
        weights[name] = np.array(value.const_value.numpy(), np.float64, order="C")
    return weights[name]
