"""Nets that take published state dicts laid out in another way than their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class TakesPublishedState(nn.Module):
    """A net that reads the state dicts torchvision publishes although its own differ.

    Two differences are bridged, by `load_state_dict` and by edgeconv's own loading alike:

    1. Layers that only training runs, such as auxiliary classifiers, are not built; their tensors
       are dropped, whether the state dict has them or not.
    2. A Linear weight (outputs, channels * height * width) fills the convolution (outputs,
       channels, height, width) that computes the same, and the other way round.

    Attributes:
        training_only: prefixes of the tensors of layers that only training runs.
    """

    training_only: tuple[str, ...] = ()

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """As PyTorch's, for a state dict in either layout."""
        return super().load_state_dict(self.adapted(state_dict), strict, assign)

    def adapted(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors in this net's own layout; what does not belong to it is left as it is."""
        own = self.state_dict()
        return {
            name: _reshaped(tensor, own.get(name))
            for name, tensor in tensors.items()
            if not name.startswith(self.training_only)
        }


def _reshaped(tensor: Tensor, own: Tensor | None) -> Tensor:
    if own is None or {tensor.dim(), own.dim()} != {2, 4} or tensor.layout != torch.strided:
        return tensor
    same = tensor.shape[0] == own.shape[0] and tensor.numel() == own.numel()
    return tensor.reshape(own.shape) if same else tensor
