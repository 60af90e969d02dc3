"""Which layers of a net run, in which order, and which of them give feature maps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgeconv.errors import UsageError

#: Layers that give no features of their own: pooled, or passed on.
_PASSIVE = (
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AvgPool2d,
    nn.Dropout,
    nn.Dropout2d,
    nn.Identity,
    nn.Upsample,
)


@dataclass(frozen=True)
class Calls:
    """One run of a net, layer by layer.

    Attributes:
        feature_maps: paths of the layers that gave a feature map, the last one last. Of several
            that give the same tensor (a Sequential and its last layer) the one called least often,
            then the innermost.
        counts: how often each layer was called, by path.
        logits: float32 (1, classes).
    """

    feature_maps: tuple[str, ...]
    counts: Counter[str]
    logits: Tensor


def run(module: nn.Module, x: Tensor) -> Calls:
    """Runs a net on one photo and notes its layers.

    Args:
        module: in eval mode.
        x: float32 (1, 3, H, W).

    Raises:
        UsageError: the net is no classifier: its (first) output is not (1, classes).
    """
    maps: list[list[str]] = []
    counts: Counter[str] = Counter()
    last: list[Tensor] = []

    def note(path: str, layer: nn.Module, output: Any) -> None:
        counts[path] += 1
        if not is_feature_map(output) or isinstance(layer, _PASSIVE):
            return
        if last and output is last[0]:
            maps[-1].append(path)
        else:
            maps.append([path])
            last[:] = [output]

    handles = [
        layer.register_forward_hook(lambda m, _, output, path=path: note(path, m, output))
        for path, layer in module.named_modules()
        if path
    ]
    try:
        with torch.no_grad():
            logits = first_output(module(x))
    finally:
        for handle in handles:
            handle.remove()
    names = (min(group, key=lambda path: counts[path]) for group in maps)
    return Calls(tuple(names), counts, logits)


def is_feature_map(output: Any) -> bool:
    """Whether a layer's output is (1, C, H, W) with more than one position."""
    return (
        isinstance(output, Tensor)
        and output.ndim == 4
        and output.shape[0] == 1
        and output.shape[2] * output.shape[3] > 1
        and output.is_floating_point()
    )


def first_output(result: Any) -> Tensor:
    """The logits of a net: its output, or the first of several.

    Raises:
        UsageError: they are not (1, classes).
    """
    while isinstance(result, (tuple, list, dict)) and result:
        result = next(iter(result.values() if isinstance(result, dict) else result))
    if not isinstance(result, Tensor) or result.ndim != 2 or result.shape[0] != 1:
        shape = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
        raise UsageError(f"the net's output is {shape}; explain needs a classifier: (1, classes)")
    return result
