"""Which swishes are worth an argument of their own: much noise less for little time.

The Mul in front of a sigmoid passes over the tensor once more, and swishes make most of the time of
a net that has them (docs/decisions/swishes.md). So the Muls of all that are chosen may pass over a
share of what the net's swishes compute only. Each is weighed, for each value it computes, by the
noise that it is measured to put on the outputs: once as it is, and once with its channels scaled,
everything else in float. What noise among a layer's channels becomes of the outputs, nothing but
running the net tells: by what scaling takes off the layers behind alone, without that, the choice
was 4 dB worse on EfficientNet-B0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import name_of, shape_of
from edgeconv.quantize.mixed.compared import Compared
from edgeconv.quantize.mixed.switches import SwitchedNet
from edgeconv.quantize.observe.observations import Observations, observe
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.repair.channels import channel_groups
from edgeconv.quantize.repair.equalize import scale_swishes
from edgeconv.quantize.repair.swish import argument_of, swishes, with_own_arguments
from edgeconv.runtime.feeds import Batch

#: Of the noise that all swishes make, one must spare this share to be chosen.
LEAST_SHARE = 1e-3
#: Photos that the noise is measured on, at most.
PHOTOS = 8

Noises = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Seen:
    """A net that is looked at: a hub graph, photos of it, and what they showed."""

    model: ir.Model
    photos: Sequence[Batch]
    observations: Observations


def worthwhile_swishes(seen: Seen, config: PlanConfig, affordable: float) -> list[str]:
    """The tensors of the swishes that should be scaled, in the order they are computed.

    Args:
        seen: the net.
        config: how it is planned.
        affordable: share of the values that its swishes compute that the arguments may have; where
            that is none of a few swishes, the smallest fits.
    """
    sizes = _sizes(seen.model)
    gains = _gains(seen, config, list(sizes)) if sizes else {}
    left = max(affordable * sum(sizes.values()), min(sizes.values(), default=0))
    chosen = set()
    for name in sorted(gains, key=lambda name: -gains[name] / sizes[name]):
        if gains[name] > LEAST_SHARE and sizes[name] <= left:
            left -= sizes[name]
            chosen.add(name)
    return [name for name in sizes if name in chosen]


def _sizes(model: ir.Model) -> dict[str, int]:
    """How many values each swish computes; not those of a single pixel, whose range few tell."""
    values = {v.name: v for node in model.graph for v in node.outputs}
    shapes = {name: shape_of(values[name]) for name in swishes(model)}
    return {name: math.prod(s) for name, s in shapes.items() if math.prod(s[2:]) > 1}


def _gains(seen: Seen, config: PlanConfig, names: Sequence[str]) -> dict[str, float]:
    """What share of all swishes' noise goes where the channels of one are scaled, by its tensor.

    It is the mean of the photos' shares, so that no noisy photo speaks for all.
    """
    scaled = scale_swishes(seen.model, seen.observations, names).model
    tied = _tied(seen.model, names)
    before = _noises(seen, config, tied)
    total = np.maximum(sum(before.values()), 1e-30)
    noisy = {n: tied[n] for n, noise in before.items() if (noise / total).mean() > LEAST_SHARE}
    after = _noises(Seen(scaled, seen.photos, observe(scaled, seen.photos)), config, noisy)
    return {name: float(((before[name] - after[name]) / total).mean()) for name in noisy}


def _tied(model: ir.Model, names: Sequence[str]) -> dict[str, set[str]]:
    """By swish, the tensors whose channels are scaled along with what it gives, and its argument's.

    A swish whose channels must keep their scale is left out.
    """
    groups = channel_groups(with_own_arguments(model, names))
    arguments = {argument_of(name): name for name in names}
    found: dict[str, set[str]] = {}
    for group in groups:
        for node in group.arguments:
            argument = name_of(node.outputs[0])
            found[arguments[argument]] = {*group.tensors, argument}
    return found


def _noises(seen: Seen, config: PlanConfig, tied: Mapping[str, set[str]]) -> Noises:
    """What rounding a swish's tensors, and nothing else, does to the outputs, (photos,) each."""
    compared = Compared(seen.model)
    net = SwitchedNet(seen.model, build_plan(seen.model, seen.observations, config), compared.read)
    photos = seen.photos[:PHOTOS]
    exact = net.values(photos, (), ends=False)

    def noise(tensors: set[str]) -> NDArray[np.float64]:
        on = [
            number
            for number, switch in enumerate(net.switches)
            if switch.kind == "activation" and not tensors.isdisjoint(switch.tensors)
        ]
        return compared.noise_of(exact, net.values(photos, on, ends=False))

    return {name: noise(tensors) for name, tensors in tied.items()}
