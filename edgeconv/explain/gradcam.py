"""Grad-CAM.

Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", https://arxiv.org/abs/1610.02391, section 3, equations 1 and 2:

    weight[k] = mean over positions of d logit[class] / d A[k]
    map       = ReLU(sum over k of weight[k] A[k])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeconv.errors import UsageError
from edgeconv.explain.calls import first_output, is_feature_map
from edgeconv.nets.layers import find_layer
from edgeconv.nets.running import forward, gradient_of, unchanged


@dataclass(frozen=True, eq=False)
class Cam:
    """The map of one class at one layer.

    Attributes:
        signed: float32 (h, w), before the final ReLU: where evidence against the class lies, too.
        activations: float32 (C, h, w) it was computed from.
        gradients: float32 (C, h, w), of the class's logit.
    """

    signed: NDArray[np.float32]
    activations: NDArray[np.float32]
    gradients: NDArray[np.float32]

    @property
    def map(self) -> NDArray[np.float32]:
        """Grad-CAM, float32 (h, w): none of it negative."""
        return np.maximum(self.signed, 0)


def grad_cam(
    module: nn.Module,
    layer: str,
    x: Tensor,
    class_index: int,
    *,
    activations: NDArray[np.float32] | None = None,
) -> Cam:
    """Grad-CAM of a class.

    Args:
        module: in eval mode; not changed.
        layer: path of a layer that gives a feature map; its last call counts.
        x: float32 (1, 3, H, W).
        class_index: of the logits.
        activations: float32 (C, h, w) that stand in for the layer's own; what follows the layer
            is computed from them.

    Raises:
        UnknownName: the net has no such layer.
        UsageError: the layer gives no feature map, is not used, or the logits do not depend on it.
    """
    leaves: list[Tensor] = []
    calls = _calls(module, layer, x)

    def cut(_module: nn.Module, _args: Any, output: Any) -> Tensor:
        _require_feature_map(layer, output)
        is_last = len(leaves) + 1 == calls
        given = activations is not None and is_last
        tensor = torch.from_numpy(activations)[None] if given else output.detach()
        if tensor.shape != output.shape:
            raise UsageError(
                f"layer {layer} gives {tuple(output.shape)}, the activations are "
                f"{tuple(tensor.shape)}"
            )
        leaves.append(tensor.clone().requires_grad_())
        # What follows may work in place, which a leaf does not allow.
        return leaves[-1].clone()

    handle = find_layer(module, layer).register_forward_hook(cut)
    try:
        with unchanged(module), torch.enable_grad():
            logits = first_output(forward(module, x, "the net"))
            gradient = _gradient(logits, class_index, leaves[-1], layer)
    finally:
        handle.remove()
    values = leaves[-1].detach()[0]
    weights = gradient.mean((1, 2), keepdim=True)
    return Cam((weights * values).sum(0).numpy(), values.numpy(), gradient.numpy())


def _calls(module: nn.Module, layer: str, x: Tensor) -> int:
    """How often a layer is called."""
    count = 0

    def note(_module: nn.Module, _args: Any, output: Any) -> None:
        nonlocal count
        _require_feature_map(layer, output)
        count += 1

    handle = find_layer(module, layer).register_forward_hook(note)
    try:
        with unchanged(module), torch.no_grad():
            forward(module, x, "the net")
    finally:
        handle.remove()
    if not count:
        raise UsageError(f"layer {layer} is not used when the net runs; choose another one")
    return count


def _gradient(logits: Tensor, class_index: int, leaf: Tensor, layer: str) -> Tensor:
    """d logit / d leaf, (C, h, w)."""
    found = None
    if logits.requires_grad:
        found = gradient_of(logits[0, class_index], leaf)
    if found is None:
        raise UsageError(f"the net's output does not depend on layer {layer}; choose another one")
    return found[0]


def _require_feature_map(layer: str, output: Any) -> None:
    if not is_feature_map(output):
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise UsageError(
            f"layer {layer} gives {shape}, which is no feature map (1, channels, height, width) "
            "of more than one position; choose a layer before the global pooling"
        )
