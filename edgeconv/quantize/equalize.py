"""Cross-layer equalization: moves scale between layers until channels fill their tensor's range.

An int8 tensor has one scale for all channels, so a channel with small values has few steps. Scaling
channel c of a tensor by k[c], and the weights that read it by 1 / k[c], changes nothing in float
(`channels` says where that holds) and gives quiet channels more steps:

    k[c] = 1 / activation[c]^strength

where activation[c] is the largest value seen in the channel relative to the tensor's. Rows of the
layer that writes the channel have a scale each, so they lose nothing. Neither does a depthwise
layer that reads it: there channels are equalized fully. In any other reader a row's one scale must
then hold weights that differ more, hence a strength below 1.

The idea is Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias
Correction", section 4.1, which balances weight ranges of two layers; with a scale for each row and
photos at hand, balancing measured activations measures better.

A channel that ReLU6 clipped on a calibration photo keeps its scale; another may grow until its
largest value seen is 6 / HEADROOM.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import integer, name_of
from edgeconv.quantize.channels import ChannelGroup, channel_groups
from edgeconv.quantize.observe import Observations
from edgeconv.quantize.weights import Layer

#: Best of 0.25, 0.4 and 0.6 on held-back photos.
STRENGTH = 0.4
#: A channel never seen above this share of the tensor's largest value counts as if it had been.
QUIET = 1e-3
#: Factors of a group differ by at most this: unseen photos may wake a quiet channel.
SPREAD = 64.0
#: How far below a clamp a channel's largest value seen is kept: unseen photos may exceed it.
HEADROOM = 1.5

Weights = dict[str, NDArray[np.float64]]


def equalize(model: ir.Model, observations: Observations, strength: float = STRENGTH) -> ir.Model:
    """A copy of the hub graph with equalized channels, the same function up to rounding.

    Args:
        model: a hub graph.
        observations: of this graph; a few dozen photos are enough, only channel extremes are read.
        strength: 0 leaves channels as they are (but for depthwise readers), 1 equalizes them fully.
    """
    copy = model.clone()
    weights: Weights = {}
    for group in channel_groups(copy):
        factors = _factors(group, observations, strength)
        for layer in group.writers:
            _scale_rows(layer, factors, weights)
        for layer in group.readers:
            _scale_columns(layer, 1.0 / factors, weights)
    for name, array in weights.items():
        copy.graph.initializers[name].const_value = ir.tensor(array.astype(np.float32), name=name)
    return copy


def _factors(
    group: ChannelGroup, observations: Observations, strength: float
) -> NDArray[np.float64]:
    """k of every channel; the largest product of k and activation stays what it was."""
    seen = [observations.tensors[name] for name in group.tensors if name in observations.tensors]
    share = np.max([_channel_share(s.channel_minimum, s.channel_maximum) for s in seen], axis=0)
    activation = np.maximum(share, QUIET)
    free = all(_is_depthwise(layer) for layer in group.readers)
    factors = activation ** -(1.0 if free else strength)
    factors /= (factors * activation).max()
    factors = np.minimum(factors, factors.min() * SPREAD)
    highest = np.max([s.channel_maximum for s in seen], axis=0).astype(np.float64)
    return _below_ceiling(factors, highest, group.ceiling)


def _below_ceiling(
    factors: NDArray[np.float64], highest: NDArray[np.float64], ceiling: float
) -> NDArray[np.float64]:
    """Factors under which a clipped channel keeps its values and no other comes to be clipped."""
    if np.isinf(ceiling):
        return factors
    limited = np.minimum(
        factors, np.maximum(ceiling / (HEADROOM * np.maximum(highest, 1e-30)), 1.0)
    )
    return np.where(highest >= ceiling * (1 - 1e-4), 1.0, limited)


def _channel_share(low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.float64]:
    """Largest magnitude of each channel relative to the tensor's."""
    magnitude = np.maximum(np.abs(low), np.abs(high)).astype(np.float64)
    share: NDArray[np.float64] = magnitude / max(float(magnitude.max()), 1e-30)
    return share


def _is_depthwise(layer: Layer) -> bool:
    """Whether every output channel reads a single input channel."""
    return layer.node.op_type == "Conv" and layer.weight.shape[1] == 1  # type: ignore[index]


def _by_input_channel(layer: Layer, weights: Weights) -> NDArray[np.float64]:
    """A view of the weight as (groups, output channels, input channels, taps) of each group."""
    array = _loaded(layer.weight, weights)
    if layer.node.op_type == "Gemm":
        rows = array if layer.axis == 0 else array.T
        return rows.reshape(1, *rows.shape, 1) if layer.axis == 0 else rows[None, :, :, None]
    groups = integer(layer.node, "group", 1)
    return array.reshape(groups, array.shape[0] // groups, array.shape[1], -1)


def _scale_columns(layer: Layer, factors: NDArray[np.float64], weights: Weights) -> None:
    view = _by_input_channel(layer, weights)
    view *= factors.reshape(view.shape[0], 1, view.shape[2], 1)


def _scale_rows(layer: Layer, factors: NDArray[np.float64], weights: Weights) -> None:
    array = _loaded(layer.weight, weights)
    np.moveaxis(array, layer.axis, -1)[...] *= factors
    if layer.bias is not None:
        _loaded(layer.bias, weights)[...] *= factors


def _loaded(value: ir.Value, weights: Weights) -> NDArray[np.float64]:
    """The working copy of an initializer, float64, changed in place."""
    name = name_of(value)
    if name not in weights:
        if value.const_value is None:
            raise AssertionError(f"{name} is an initializer")
        weights[name] = np.array(value.const_value.numpy(), np.float64, order="C")
    return weights[name]
