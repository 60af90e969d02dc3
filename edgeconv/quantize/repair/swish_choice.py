"""Which swishes are worth an argument of their own: much noise less for little time.

The Mul in front of a sigmoid passes over the tensor once more, and swishes make most of the time of
a net that has them (docs/decisions/swishes.md). So the Muls of all that are chosen may pass over a
share of what the net's swishes compute only. Each is weighed, for each value it computes, by the
noise that scaling its channels takes off the layers behind it (`equalize_factors`), times what part
of the sum those are where a residual block adds what went around them.
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from edgeconv.graph.view import activation_inputs, name_of, shape_of
from edgeconv.quantize.observe.observations import Observations
from edgeconv.quantize.repair.channels import ChannelGroup, channel_groups
from edgeconv.quantize.repair.divide import divisible_of
from edgeconv.quantize.repair.equalize import STRENGTH
from edgeconv.quantize.repair.equalize_factors import factors_of, foretold_noise
from edgeconv.quantize.repair.swish import swishes, with_own_arguments

#: Of the noise that all swishes could be spared, one must spare this share to be chosen.
LEAST_SHARE = 1e-3
#: What dividing a layer costs a value, against the Mul for each channel (0.15 ns against 0.52).
DIVIDED = 0.3


def worthwhile_swishes(model: ir.Model, observations: Observations, affordable: float) -> list[str]:
    """The tensors of the swishes that should be scaled, in the order they are computed.

    Args:
        model: a hub graph.
        observations: of this graph.
        affordable: share of the values that its swishes compute that the arguments may have; where
            that is none of a few swishes, the smallest fits.
    """
    sizes = _sizes(model)
    gains = _gains(model, observations, list(sizes))
    parted = set(divisible_of(model, sizes))
    costs = {name: size * (DIVIDED if name in parted else 1.0) for name, size in sizes.items()}
    left = max(affordable * sum(sizes.values()), min(sizes.values(), default=0))
    least = LEAST_SHARE * max(0.0, sum(gains.values()))
    chosen = set()
    for name in sorted(gains, key=lambda name: -gains[name] / costs[name]):
        if gains[name] > least and costs[name] <= left:
            left -= costs[name]
            chosen.add(name)
    return [name for name in sizes if name in chosen]


def _sizes(model: ir.Model) -> dict[str, int]:
    """How many values each swish computes; not those of a single pixel, whose range few tell."""
    values = {v.name: v for node in model.graph for v in node.outputs}
    shapes = {name: shape_of(values[name]) for name in swishes(model)}
    return {name: math.prod(s) for name, s in shapes.items() if math.prod(s[2:]) > 1}


def _gains(model: ir.Model, observations: Observations, tensors: list[str]) -> dict[str, float]:
    """Noise that scaling a swish's channels takes off what the net computes, by its tensor."""
    copy = with_own_arguments(model, tensors)
    gains = {}
    for group in channel_groups(copy):
        written = [name for name in tensors if name in group.tensors]
        if group.arguments and written:
            gains[written[0]] = _gain(group, observations) * _share(copy, written[0], observations)
    return gains


def _gain(group: ChannelGroup, observations: Observations) -> float:
    before = foretold_noise(group, observations, np.ones(group.channels))
    factors = factors_of(group, observations, STRENGTH)
    return before - foretold_noise(group, observations, factors)


def _share(model: ir.Model, name: str, observations: Observations) -> float:
    """What part of the first sum that adds something else stems from a tensor; 1 without one."""
    reached = {name}
    for node in model.graph:
        read = [name_of(value) for _, value in activation_inputs(node)]
        behind = [value for value in read if value in reached]
        if not behind:
            continue
        if node.op_type == "Add" and len(read) == 2 and len(behind) == 1:
            return _power(behind[0], observations) / max(
                sum(_power(value, observations) for value in read), 1e-30
            )
        reached.update(value.name for value in node.outputs if value.name)
    return 1.0


def _power(name: str, observations: Observations) -> float:
    seen = observations.tensors.get(name)
    return 0.0 if seen is None else float((seen.channel_square - seen.channel_mean**2).mean())
