"""Reuse of dead channels: a second reading of the noisiest channels, half a step beside the first.

Trained nets often have channels in their first layers that can only be zero: ReLUs that no pixels
open. On the device they take as long as the others. Here each becomes a copy of a channel that is
rounded where it hurts (`copies`), and of the m copies of a channel the biases are moved apart,

    offset of copy t:   ((t + 1/2) / m - 1/2) steps of the tensor's grid

so that their grids interleave: the mean of two roundings half a step apart is a rounding to half a
step, with a quarter of the noise. A clamp's ends stay exact: less than half a step rounds to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import onnx_ir as ir

from edgeconv.graph.fusion import fused_activation
from edgeconv.graph.view import constant_of, input_names, name_of, require_constant, set_constant
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.weights import Layer
from edgeconv.quantize.repair.bounds import Array, ChannelBounds, channel_bounds
from edgeconv.quantize.repair.copies import Chain, chains, with_copies
from edgeconv.quantize.repair.repairs import Copies, sources
from edgeconv.runtime.feeds import Batch, by_name

#: Share of a chain's channels that must be free: fewer change too little to be worth it.
LEAST_FREE = 0.05
#: Inputs that tell how often a clamp holds a channel.
PHOTOS = 8


@dataclass(frozen=True, eq=False)
class Reused:
    """A graph with free channels put to use, and which they are."""

    model: ir.Model
    copies: Copies


def reuse_dead_channels(
    model: ir.Model,
    plan: Plan,
    source: ChannelBounds,
    inputs: Iterable[Batch],
    unrepaired: ir.Model | None = None,
) -> Reused:
    """A copy of the hub graph in which the channels that are dead for every input are put to use.

    The same function, but for values within half a step of a clamp.

    Args:
        model: a hub graph.
        plan: of this graph; the grids of its activations are read.
        source: bounds of the input.
        inputs: some calibration inputs, float32 (N, 3, H, W); a few are looked at.
        unrepaired: the graph before other repairs. A channel must be dead there, too: a clamp is
            nearer to a channel that was scaled up, but no part of the net says so.
    """
    bounds = channel_bounds(model, source)
    proven = _proven(model if unrepaired is None else unrepaired, source)
    chosen: list[tuple[Chain, Mapping[int, int]]] = []
    for chain in chains(model):
        free = [channel for channel in chain.free(bounds) if channel in proven[chain.tensors[0]]]
        planned = all(name in plan.activations for name in chain.tensors)
        if planned and len(free) >= max(1, LEAST_FREE * chain.channels):
            of = _assigned(chain, free, plan)
            if of:
                chosen.append((chain, of))
    if not chosen:
        return Reused(model, {})
    copies = {name: of for chain, of in chosen for name in chain.tensors}
    repaired = with_copies(model, copies, bounds)
    shares = _open_shares(model, [chain for chain, _ in chosen], inputs)
    for chain, copied in chosen:
        _move_apart(repaired, chain, copied, plan, shares)
    return Reused(repaired, copies)


def _proven(model: ir.Model, source: ChannelBounds) -> dict[str, list[int]]:
    """The free channels of every chain, by its first tensor."""
    bounds = channel_bounds(model, source)
    return {chain.tensors[0]: chain.free(bounds) for chain in chains(model)}


def _assigned(chain: Chain, free: list[int], plan: Plan) -> dict[int, int]:
    """Free channel -> channel to copy: each in turn where it takes away the most noise."""
    noise = _noise(chain, plan)
    noise[free] = 0.0
    if not noise.any():
        return {}
    copies = np.ones(chain.channels)
    found = {}
    for slot in free:
        source = int((noise * (copies**-2 - (copies + 1) ** -2)).argmax())
        copies[source] += 1
        found[slot] = source
    return found


def _open_shares(
    model: ir.Model, found: Sequence[Chain], inputs: Iterable[Batch]
) -> dict[str, Array]:
    """Share of values that no clamp holds, of what each depthwise layer reads, (channels,)."""
    clamps = {}
    for chain in found:
        for writer, reader in pairwise(chain.writers):
            fused = fused_activation(writer.node)
            if fused is not None:
                clamps[reader.source] = fused.bounds
    if not clamps:
        return {}
    session = open_graph(model, list(clamps))
    sources = input_names(model)
    shares: list[list[Array]] = []
    for photo in islice(inputs, PHOTOS):
        arrays = zip(session.run(None, by_name(photo, sources)), clamps.values(), strict=True)
        shares.append([((a > low) & (a < high)).mean(axis=(0, 2, 3)) for a, (low, high) in arrays])
    means = [np.mean(of_photos, axis=0) for of_photos in zip(*shares, strict=True)]
    return {name_of(value): mean for value, mean in zip(clamps, means, strict=True)}


def _noise(chain: Chain, plan: Plan) -> Array:
    """What rounding each channel does to the readers, relative to each other, (channels,)."""
    noise = np.zeros(chain.channels)
    for layer, written in zip(chain.writers, chain.written, strict=True):
        if layer is not chain.writers[0]:
            noise *= (_weights(layer) ** 2).sum(axis=(1, 2, 3))
        noise += float(plan.activations[name_of(written)].scale) ** 2
    mixed = sum((_weights(reader) ** 2).sum(axis=(0, 2, 3)) for reader in chain.readers)
    product: Array = noise * mixed
    return product


def _weights(layer: Layer) -> Array:
    return require_constant(layer.node, 1).astype(np.float64)


def _move_apart(
    model: ir.Model,
    chain: Chain,
    of: Mapping[int, int],
    plan: Plan,
    open_shares: Mapping[str, Array],
) -> None:
    """Offsets the biases of all copies of a channel against each other."""
    apart, origin = np.zeros(chain.channels), sources(of, chain.channels)
    for source in set(of.values()):
        copies = np.flatnonzero(origin == source)
        apart[copies] = (np.arange(len(copies)) + 0.5) / len(copies) - 0.5
    before = np.zeros(chain.channels)
    for layer, written in zip(chain.writers, chain.written, strict=True):
        assert layer.bias is not None
        name = name_of(layer.bias)
        bias = np.array(constant_of(model.graph.initializers[name]), np.float64)
        if layer is not chain.writers[0]:  # where no clamp held it, what it reads was moved already
            read = open_shares[name_of(layer.source)]
            taps = _weights(layer).sum(axis=(1, 2, 3))
            bias -= before * (read * taps)[origin]
        before = apart * float(plan.activations[name_of(written)].scale)
        set_constant(model, name, bias + before)
