"""By what equalization multiplies every channel of a group.

The factors of a group are of the form

    k[c] = activation[c]^-a * column[c]^b

where activation[c] is the largest value seen in the channel relative to its tensor's, and column[c]
the largest weight that reads it. Exponents a and b are those with the least predicted noise, summed
over the layers that read the group, each relative to what it computes:

    activations   sum over c of (sum over tensors of step^2 / 12) / k[c]^2 * sum over o W[o, c]^2
    weights       sum over o of step[o]^2 / 12 * sum over c var[c] k[c]^2

with the tensors' and the rows' steps as the factors make them. The mean of what a weight's error
multiplies counts for nothing, since bias correction takes it out again. Errors of
activations count AVERAGING times: they differ from place to place, so one would expect them to
average out further on, where a weight's error is the same everywhere. A tensor's range is taken to
end at CLIP times a channel's root mean square where its largest value lies beyond: rarer values
get clipped.

Other photos wake channels further than these did: by little where all of these woke a channel
alike, by a factor of 20 where two of them did. Of 34,000 channels of four nets, seen on 32 photos,
those of evenness e (`TensorStatistics.evenness`) stay below HEADROOM / e times what was seen on 96
others, all but one in a hundred, for every e from 1 down to 1/32. So far is a channel taken to
reach. One that may reach its ReLU6 keeps its scale, and so does one that no photo woke (it has no
noise, either, that more steps would take away); another grows no further than up to the ReLU6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from edgeconv.graph.fusion import written_output
from edgeconv.graph.view import input_of, integer, name_of, require_constant
from edgeconv.quantize.observe.observations import Observations
from edgeconv.quantize.plan.affine import STEPS, WEIGHT_MAX
from edgeconv.quantize.plan.weights import Layer
from edgeconv.quantize.repair.channels import ChannelGroup

#: Exponents that are tried.
OF_ACTIVATION = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
OF_COLUMN = (0.0, 0.2, 0.4)
#: A channel never seen above this share of the tensor's largest value counts as if it had been.
QUIET = 1e-3
#: Factors of a group differ by at most this: unseen photos may wake a quiet channel.
SPREAD = 64.0
#: How far past what was seen a channel is taken to reach, where photos are alike in that.
HEADROOM = 1.5
#: Less than any reach or evenness, so that no quotient is by zero.
NEVER = 1e-30
#: Deviations above its mean that a channel is expected to reach, whatever was seen of it, but no
#: further than the farthest was seen to.
FORESEEN = 3.0
#: How much a squared error of an activation counts against one of a weight.
AVERAGING = 0.3
#: Values further out than this many times a channel's root mean square do not set a range.
CLIP = 7.0
#: Below minus this a swish gives next to nothing.
SWISH_DEPTH = 5.0

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Tensor:
    """A tensor: its name, the group's channels it holds, how far each of them reaches down and up,
    and the share of its values that are not exactly zero: zero is on every grid and has no error.
    """

    name: str
    index: NDArray[np.int64]
    down: Array
    up: Array
    filled: float


@dataclass(frozen=True, eq=False)
class _Reader:
    """A layer that reads the group.

    Attributes:
        index: the group's channels it reads.
        largest: (groups, outputs, inputs), largest weight over taps.
        energy: (channels,), sum of squared weights that read each channel.
        variance: (channels,) of what it reads.
        taps: weights for each pair of output and input channel.
        power: mean square of its outputs, were channels independent.
    """

    index: NDArray[np.int64]
    largest: Array
    energy: Array
    variance: Array
    taps: int
    power: float


def factors_of(
    group: ChannelGroup, observations: Observations, strength: float | None = None
) -> Array:
    """k of every channel, (channels,).

    Args:
        group: the channels.
        observations: of the graph they are of.
        strength: the exponent a, with b = 0; a group that depthwise layers alone read gets a = 1,
            for each row reads a single channel there. None searches both.
    """
    clip = CLIP if strength is None or group.arguments else np.inf
    tensors = [_foreseen(group, t, observations) for t in _tensors(group, observations, clip)]
    readers = [_reader(group, layer, observations) for layer in group.readers]
    activation = np.full(group.channels, QUIET)
    for tensor in tensors:
        reach = np.maximum(tensor.down, tensor.up)
        np.maximum.at(activation, tensor.index, reach / max(float(reach.max()), 1e-30))
    most, free = _most(group, tensors, observations)
    column = _columns(group, readers)
    best, least = np.ones(group.channels), np.inf
    for a, b in _exponents(group, strength):
        factors = activation**-a * column**b
        factors /= (factors * activation).max()
        factors = np.minimum(factors, factors.min() * SPREAD)
        factors = np.where(free, np.minimum(factors, most), 1.0)
        factors = np.where(group.pinned, 1.0, factors)
        noise = _noise(tensors, readers, factors)
        if noise < least * (1 - 1e-9):
            best, least = factors, noise
    return best


def foretold_noise(group: ChannelGroup, observations: Observations, factors: Array) -> float:
    """Noise of the layers that read a group were it scaled so, relative to what they compute.

    Args:
        group: the channels.
        observations: of the graph they are of.
        factors: of every channel, (channels,).
    """
    tensors = [_foreseen(group, t, observations) for t in _tensors(group, observations, CLIP)]
    readers = [_reader(group, layer, observations) for layer in group.readers]
    return _noise(tensors, readers, factors)


def _exponents(group: ChannelGroup, strength: float | None) -> Iterable[tuple[float, float]]:
    if strength is None:
        return product(OF_ACTIVATION, OF_COLUMN)
    return [(1.0 if all(_is_depthwise(layer) for layer in group.readers) else strength, 0.0)]


def _is_depthwise(layer: Layer) -> bool:
    """Whether every output channel reads a single input channel."""
    return layer.operator.kind == "convolution" and layer.weight.shape[1] == 1  # type: ignore[index]


def _tensors(group: ChannelGroup, observations: Observations, clip: float) -> Iterator[_Tensor]:
    depths = _depths(group)
    for name, index in group.tensors.items():
        if name in observations.tensors:
            seen = observations.tensors[name]
            most = clip * np.sqrt(np.maximum(seen.channel_square, 1e-30))
            most_down = np.minimum(most, depths.get(name, np.inf))
            down = np.clip(-seen.channel_minimum.astype(np.float64), 0.0, most_down)
            up = np.clip(seen.channel_maximum.astype(np.float64), 0.0, most)
            counted = seen.histogram
            yield _Tensor(name, index, down, up, 1.0 - counted.zeros / max(counted.total, 1.0))


def _depths(group: ChannelGroup) -> dict[str, Array]:
    """How far below zero the channels of tensors that swishes read are of use, (channels,)."""
    return {
        name_of(input_of(node)): SWISH_DEPTH / require_constant(node, 1).reshape(-1)
        for node in group.arguments
    }


def _foreseen(group: ChannelGroup, tensor: _Tensor, observations: Observations) -> _Tensor:
    """The tensor with channels that reach as far as their layer's weights let expect.

    A unit behind a global pooling shows one value a photo: one that hardly any of the photos woke
    looks as if it could be scaled up without end, until another photo wakes it.
    """
    for layer in group.writers:
        if name_of(written_output(layer.node)) == tensor.name:
            mean, deviation = _expected(layer, observations)
            reach = np.minimum(mean + FORESEEN * deviation, float(tensor.up.max()))
            return replace(tensor, up=np.maximum(tensor.up, reach))
    return tensor


def _expected(layer: Layer, observations: Observations) -> tuple[Array, Array]:
    """Mean and deviation of a layer's output channels, were its inputs independent."""
    seen = observations.tensors[name_of(layer.source)]
    weight = by_input_channel(layer, require_constant(layer.node, 1).astype(np.float64))
    groups, _, inputs, _ = weight.shape
    mean, square = (a.reshape(groups, 1, inputs) for a in (seen.channel_mean, seen.channel_square))
    variance = np.maximum(square - mean**2, 0.0)
    expected = (weight.sum(axis=3) * mean).sum(axis=2).reshape(-1)
    if layer.bias is not None:
        expected = expected + require_constant(layer.node, 2).reshape(-1)
    spread = ((weight**2).sum(axis=3) * variance).sum(axis=2).reshape(-1)
    return expected, np.sqrt(spread)


def _reader(group: ChannelGroup, layer: Layer, observations: Observations) -> _Reader:
    weight = by_input_channel(layer, require_constant(layer.node, 1).astype(np.float64))
    energy = (weight**2).sum(axis=(1, 3)).reshape(-1)
    seen = observations.tensors[name_of(layer.source)]
    square = seen.channel_square
    least = 1e-12 * max(float(square.max()), 1e-30)
    return _Reader(
        index=group.read_by(layer),
        largest=np.abs(weight).max(axis=3),
        energy=energy,
        variance=np.maximum(square - seen.channel_mean**2, least),
        taps=weight.shape[3],
        power=max(float((energy * square).sum()), 1e-30),
    )


def _columns(group: ChannelGroup, readers: list[_Reader]) -> Array:
    """Largest weight that reads each channel, relative to what its layer computes."""
    column = np.zeros(group.channels)
    for reader in readers:
        largest = reader.largest.max(axis=1).reshape(-1) / np.sqrt(reader.power)
        np.maximum.at(column, reader.index, largest)
    relative: Array = np.maximum(column / max(float(column.max()), 1e-30), QUIET)
    return relative


def _noise(tensors: list[_Tensor], readers: list[_Reader], factors: Array) -> float:
    """Predicted noise of the group's readers, relative to what they compute."""
    rounding = np.zeros(len(factors))
    for tensor in tensors:
        scaled = factors[tensor.index]
        width = float((tensor.down * scaled).max() + (tensor.up * scaled).max())
        rounding[tensor.index] += AVERAGING * tensor.filled * (width / STEPS) ** 2 / 12
    rounding /= factors**2
    total = 0.0
    for reader in readers:
        scaled = factors[reader.index]
        groups, _, inputs = reader.largest.shape
        rows = (reader.largest / scaled.reshape(groups, 1, inputs)).max(axis=2) / WEIGHT_MAX
        spread = (reader.variance * scaled**2).reshape(groups, inputs).sum(axis=1) * reader.taps
        weights = float((rows**2 / 12 * spread[:, None]).sum())
        total += (float((reader.energy * rounding[reader.index]).sum()) + weights) / reader.power
    return total


def by_input_channel(layer: Layer, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """A view of a weight as (groups, output channels, input channels, taps) of each group."""
    if layer.operator.kind == "product":
        rows = weight if layer.axis == 0 else weight.T
        return rows[None, :, :, None]
    groups = integer(layer.node, "group", 1)
    return weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], -1)


def _most(
    group: ChannelGroup, tensors: list[_Tensor], observations: Observations
) -> tuple[Array, NDArray[np.bool_]]:
    """Most that each channel may be scaled by, and whether it may be scaled at all, (channels,).

    As foreseen, no channel gets further than the farthest of its tensors, nor to its ceiling. One
    that gets there unscaled must keep its scale, for the clamp does not scale with it.
    """
    most, free = np.full(group.channels, np.inf), np.ones(group.channels, bool)
    for tensor in tensors:
        seen, ceilings = observations.tensors[tensor.name], group.ceilings[tensor.index]
        growth = 1.0 / np.maximum(seen.evenness, NEVER)
        reach = np.maximum(np.maximum(tensor.down, tensor.up), NEVER)
        farthest = float(reach.max())
        np.minimum.at(most, tensor.index, farthest / np.minimum(reach * growth, farthest))
        highest = np.maximum(seen.channel_maximum.astype(np.float64), NEVER)
        room = ceilings / (HEADROOM * highest * growth)
        room[seen.evenness < NEVER] = 0.0
        np.minimum.at(most, tensor.index, room)
        free[tensor.index] &= room > 1.0
    return most, free
