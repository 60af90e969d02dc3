"""Values for nets whose own random ones would take seconds to draw."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.nets.catalog.oracle import build


def unfilled(name: str, **options: Any) -> nn.Module:
    """One of our nets on the meta device, where a hundred million values cost nothing."""
    with torch.device("meta"):
        return build(name, **options)


def filled(module: nn.Module) -> dict[str, Tensor]:
    """A state dict for a module on the meta device, of which each value shows in the logits.

    A million random numbers, repeated. Offsets are near 1, so that rounding does not grow from
    layer to layer.
    """
    numbers = torch.randn(1_234_567, generator=torch.Generator().manual_seed(3))
    state = {}
    for name, tensor in module.state_dict().items():
        count = tensor.numel()
        values = numbers.repeat(-(-count // numbers.numel()))[:count].view(tensor.shape)
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros((), dtype=torch.int64)
        elif name.endswith("running_var"):
            state[name] = values.abs() * 0.2 + 0.8
        elif name.endswith("running_mean"):
            state[name] = values * 0.1
        elif tensor.dim() == 1:
            state[name] = values * 0.1 + 1
        else:
            state[name] = values * (2 / tensor[0].numel()) ** 0.5
    return state


def assert_same_filled_net(
    ours: nn.Module, theirs: nn.Module, size: tuple[int, int], within: float = 1e-5
) -> None:
    """Their state dict loads strictly into ours and gives the same logits.

    Args:
        ours, theirs: on the meta device; changed in place.
        size: (height, width) of the photo both see.
        within: largest difference, relative to the largest logit.
    """
    state = filled(theirs)
    theirs.load_state_dict(state, assign=True)
    ours.load_state_dict(state, strict=True, assign=True)
    photo = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, got = theirs.eval()(photo), ours.eval()(photo)
    assert expected.abs().max() > 0
    assert (got - expected).abs().max() <= within * expected.abs().max()
