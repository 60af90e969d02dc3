"""Holds a definition against an independent one."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from edgeconv.nets.registry import find


def build(name: str, classes: int = 10, **options: Any) -> nn.Module:
    """One of our nets, ready to run."""
    spec = find(name)
    return spec.build(classes, spec.resolve_options(options)).eval()


def randomised(module: nn.Module) -> nn.Module:
    """The module with BatchNorm values of which each shows in the logits."""
    generator = torch.Generator().manual_seed(7)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor, low in ((layer.weight, 0.75), (layer.running_var, 0.75)):
                assert tensor is not None
                tensor.data = torch.rand(tensor.shape, generator=generator) * 0.5 + low
            for tensor in (layer.bias, layer.running_mean):
                assert tensor is not None
                tensor.data = torch.randn(tensor.shape, generator=generator) * 0.1
    return module.eval()


def assert_same_net(
    ours: nn.Module, theirs: nn.Module, size: tuple[int, int] = (64, 96), within: float = 1e-5
) -> None:
    """Their state dict loads strictly into ours and gives the same logits.

    Args:
        ours: changed in place.
        theirs: the oracle; gets random BatchNorm values.
        size: (height, width) of the photo both see.
        within: largest difference, relative to the largest logit.
    """
    ours.load_state_dict(randomised(theirs).state_dict(), strict=True)
    photo = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, got = theirs(photo), ours(photo)
    assert expected.abs().max() > 0
    assert (got - expected).abs().max() <= within * expected.abs().max()
