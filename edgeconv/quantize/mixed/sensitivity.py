"""What each rounding of a plan does to the outputs by itself, measured once.

Roundings are small and of different tensors, so they hardly know of each other: the energies they
add to the logits add up. On MobileNetV2 and SqueezeNet the sum over all of them lies within 10 % of
what the int8 net as a whole shows. So one run for each rounding tells what any set of them costs,
and no set need be tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.progress import Advance
from edgeconv.quantize.mixed.switches import Switch, SwitchedNet
from edgeconv.runtime.feeds import Batch

#: Classes looked at, from the highest: what happens below them turns no prediction over.
CLASSES = 10
#: Share of the photos that count.
ORDINARY = 0.75


#: (photos, values) in float and rounded, to (photos,).
NoiseOf = Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]]


@dataclass(frozen=True)
class Sensitivity:
    """One rounding and what it does.

    Attributes:
        switch: the rounding.
        noise: what it adds, as mean over photos: of a classifier see `noise_by_photo`.
        share: of the noise of all roundings together, 0 to 1.
    """

    switch: Switch
    noise: float
    share: float


def measure(
    net: SwitchedNet,
    images: Sequence[Batch],
    advance: Advance,
    noise_of: NoiseOf,
) -> list[Sensitivity]:
    """The sensitivity to each switch, in their order.

    The photos that suffer most from int8 as a whole are left out: theirs are values beyond the
    calibrated ranges, whose clipping would hide all rounding.

    Args:
        net: the net with its switches.
        images: a few inputs.
        advance: told how many switches are measured, after each.
        noise_of: what rounding does to a photo's values.
    """
    reference = net.values(images, (), ends=False)
    whole = noise_of(reference, net.values(images, range(len(net.switches)), ends=False))
    kept = np.argsort(whole, kind="stable")[: math.ceil(ORDINARY * len(whole))]
    noises = []
    for number in range(len(net.switches)):
        rounded = net.values(images, (number,), ends=False)
        noises.append(float(noise_of(reference[kept], rounded[kept]).mean()))
        advance(number + 1)
    total = sum(noises) or 1.0
    return [
        Sensitivity(switch, found, found / total)
        for switch, found in zip(net.switches, noises, strict=True)
    ]


def noise_by_photo(reference: NDArray[Any], rounded: NDArray[Any]) -> NDArray[np.float64]:
    """Mean square error of each photo's highest logits, less the shift they share; (photos,)."""
    highest = np.argsort(-reference, axis=1, kind="stable")[:, :CLASSES]
    errors = np.take_along_axis(rounded - reference, highest, axis=1).astype(np.float64)
    noise: NDArray[np.float64] = np.square(errors - errors.mean(axis=1, keepdims=True)).mean(axis=1)
    return noise
