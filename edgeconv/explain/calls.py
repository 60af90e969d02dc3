"""Which layers of a net run, in which order, and which of them give feature maps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgeconv.errors import UsageError
from edgeconv.nets.layers import require_open
from edgeconv.nets.running import forward, unchanged

#: Layers that hand features on.
_PASSIVE = (nn.Dropout, nn.Dropout2d, nn.Identity, nn.Upsample)


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
    groups: list[list[str] | None] = []  # None: a tensor that only a passive layer gave
    counts: Counter[str] = Counter()
    last: list[Tensor] = []

    def note(path: str, layer: nn.Module, output: Any) -> None:
        counts[path] += 1
        if not is_feature_map(output):
            return
        passive = is_passive(layer)
        if not last or output is not last[0]:
            groups.append(None if passive else [])
            last[:] = [output]
        group = groups[-1]
        if group is not None and not passive:
            group.append(path)

    for layer in module.modules():
        require_open(layer)
    handles = [
        layer.register_forward_hook(lambda m, _, output, path=path: note(path, m, output))
        for path, layer in module.named_modules()
        if path
    ]
    try:
        with unchanged(module), torch.no_grad():
            logits = first_output(forward(module, x, "the net")).clone()
    finally:
        for handle in handles:
            handle.remove()
    names = (min(group, key=lambda path: counts[path]) for group in groups if group)
    return Calls(tuple(names), counts, logits)


def is_passive(layer: nn.Module) -> bool:
    """Whether a layer gives no features of its own: it pools, or hands on.

    Of VGG the paper takes the last convolution, 14 x 14, not the max-pool behind it. A layer
    without parameters counts as pooling by the name of its class, a net's own classes included.
    """
    pools = "pool" in type(layer).__name__.lower() and next(layer.parameters(), None) is None
    return isinstance(layer, _PASSIVE) or pools


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
