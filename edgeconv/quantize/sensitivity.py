"""What each rounding of a plan does to the logits by itself, measured once.

Roundings are small and of different tensors, so they hardly know of each other: the energies they
add to the logits add up. On MobileNetV2 and SqueezeNet the sum over all of them lies within 10 % of
what the int8 net as a whole shows. So one run for each rounding tells what any set of them costs,
and no set need be tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.quantize.switches import Switch, SwitchedNet

#: Classes looked at, from the highest: what happens below them turns no prediction over.
CLASSES = 10

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Sensitivity:
    """One rounding and what it does.

    Attributes:
        switch: the rounding.
        noise: mean square of what it adds to the highest logits, less what it adds to all alike.
        share: of the noise of all roundings together, 0 to 1.
    """

    switch: Switch
    noise: float
    share: float


def measure(
    net: SwitchedNet,
    images: Sequence[NDArray[np.float32]],
    reference: NDArray[np.float32],
    on_progress: Progress,
) -> list[Sensitivity]:
    """The sensitivity to each switch, in their order.

    Args:
        net: the net with its switches.
        images: a few inputs.
        reference: the float net's logits of them, (photos, classes).
        on_progress: called with the number of switches measured, after each.
    """
    noises = []
    for number in range(len(net.switches)):
        noises.append(noise(reference, net.logits(images, (number,), ends=False)))
        on_progress(number + 1)
    total = sum(noises) or 1.0
    return [
        Sensitivity(switch, found, found / total)
        for switch, found in zip(net.switches, noises, strict=True)
    ]


def noise(reference: NDArray[Any], rounded: NDArray[Any]) -> float:
    """Mean square error of the highest logits, the shift that all have in common left out."""
    highest = np.argsort(-reference, axis=1, kind="stable")[:, :CLASSES]
    errors = np.take_along_axis(rounded - reference, highest, axis=1).astype(np.float64)
    return float(np.square(errors - errors.mean(axis=1, keepdims=True)).mean())
