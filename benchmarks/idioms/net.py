"""How an idiom is written: a forward function beside the modules that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Size = tuple[int, int]
Factory = Callable[[], tuple[nn.Module, Size]]
Make = Callable[[], Any]

SIDE = 32


class Of(nn.Module):
    """A net from a function of (self, image) and named submodules, parameters and buffers."""

    def __init__(self, forward: Callable[[Any, torch.Tensor], Any], **parts: Any) -> None:
        super().__init__()
        self._forward = forward
        for name, part in parts.items():
            if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> Any:
        """The function's result."""
        return self._forward(self, x)


def idiom(
    forward: Callable[[Any, torch.Tensor], Any], size: Size = (SIDE, SIDE), **parts: Make
) -> Factory:
    """A factory of the net; parts are made when it is built, from a seed."""

    def build() -> tuple[nn.Module, Size]:
        torch.manual_seed(1)
        return Of(forward, **{name: make() for name, make in parts.items()}), size

    return build


def whole(make: Callable[[], nn.Module], size: Size = (SIDE, SIDE)) -> Factory:
    """A factory of a net that is a module already."""

    def build() -> tuple[nn.Module, Size]:
        torch.manual_seed(1)
        return make(), size

    return build


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, **more: Any) -> Make:
    """A padded convolution."""
    return lambda: nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, **more)


def linear(inputs: int, outputs: int) -> Make:
    """A fully connected layer."""
    return lambda: nn.Linear(inputs, outputs)


def stem(outputs: int = 16, stride: int = 2) -> Make:
    """Convolution, BatchNorm, ReLU: what makes features of an image."""
    return lambda: nn.Sequential(
        nn.Conv2d(3, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def parameter(*shape: int, scale: float = 1.0) -> Make:
    """A normal random parameter."""
    return lambda: nn.Parameter(scale * torch.randn(shape))


def buffer(values: Callable[[], torch.Tensor]) -> Make:
    """A constant."""
    return values


def tokens(features: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) as (N, H * W, C)."""
    return features.flatten(2).transpose(1, 2)
