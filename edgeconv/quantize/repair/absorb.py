"""High-bias absorption: takes out of a ReLU's output what it never falls below.

Where a channel behind a ReLU was never below c > 0, the ReLU did nothing to it, and

    relu(x) = relu(x - c) + c

so c can move from the writer's bias to the readers' (Nagel et al. 2019, "Data-Free Quantization
Through Weight Equalization and Bias Correction", section 4.1.3). The channel then starts at zero
like the others and needs less of their common range, and equalization has more room to scale it.
The paper estimates c from BatchNorm's parameters, as three standard deviations below the mean; here
it is the least value seen.

With a ReLU6 the same holds for channels that were never clipped at 6 either; others stay.
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from edgeconv.graph.fusion import clip_bounds
from edgeconv.quantize.observe.observe import Observations
from edgeconv.quantize.repair.channels import ChannelGroup, channel_groups
from edgeconv.quantize.repair.offsets import Array, Biases, is_padded, keeps_offsets, producers

#: Part of the least value seen that is absorbed: unseen photos may go below it.
SHARE = 0.75


def absorb_high_biases(
    model: ir.Model, observations: Observations, share: float = SHARE
) -> ir.Model:
    """A copy of the hub graph with high biases absorbed by the layers that read them.

    The same function up to rounding, for inputs on which no channel falls below the absorbed part
    of the least value seen.

    Args:
        model: a hub graph.
        observations: of this graph; only channel extremes are read.
        share: how much of a channel's least value is absorbed, 0..1.
    """
    copy = model.clone()
    biases = Biases(copy)
    for group in channel_groups(copy):
        if not group.is_plain or not _hands_on(copy, group):
            continue
        offset = share * _floor(group, observations)
        biases.lower(group.writers[0], offset)
        for reader in group.readers:
            biases.make_up(reader, offset)
    biases.store()
    return copy


def _hands_on(model: ir.Model, group: ChannelGroup) -> bool:
    """Whether one layer writes the group, a clamp at zero follows, and readers do not pad."""
    if len(group.writers) != 1 or any(is_padded(reader) for reader in group.readers):
        return False
    writer = group.writers[0].node
    others = [node for node in producers(model, group).values() if node is not writer]
    clamps = [node for node in others if clip_bounds(node) is not None]
    return bool(clamps) and all(keeps_offsets(node) for node in others if node not in clamps)


def _floor(group: ChannelGroup, observations: Observations) -> Array:
    """What every channel always exceeded and the clamps let through, (channels,)."""
    seen = [observations.tensors[name] for name in group.tensors if name in observations.tensors]
    floor: Array = np.min([s.channel_minimum for s in seen], axis=0).astype(np.float64)
    highest = np.max([s.channel_maximum for s in seen], axis=0)
    if math.isfinite(group.ceiling):
        floor[highest >= group.ceiling] = 0.0
    return floor.clip(min=0.0)
