"""Shapes as plain numbers: a trace holds them as tensors, and an input has one size for good.

Arithmetic on them rounds otherwise there, and makes constants of types that nobody asked for. What
is read of a tensor's data is cut off a trace; it is the tensor, without its history.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor


def shape_of(x: Tensor) -> tuple[int, ...]:
    """A tensor's sizes."""
    return tuple(int(size) for size in x.shape)


def each_axis(setting: Any, rank: int) -> list[int]:
    """A setting that is one number for all axes, or one for each, such as a kernel's size."""
    given: Any = setting if isinstance(setting, (tuple, list)) else [setting]
    numbers = [int(number) for number in given]  # in a trace, sizes are tensors
    return numbers * rank if len(numbers) == 1 else numbers


def _size(x: Tensor, dim: int | None = None) -> Any:
    return torch.Size(shape_of(x)) if dim is None else shape_of(x)[dim]


def _attribute(name: str) -> Any:
    """What reads an attribute of tensors."""
    return getattr(torch.Tensor, name).__get__


SHAPES: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        _attribute("shape"): lambda x, *_: torch.Size(shape_of(x)),
        _attribute("data"): lambda x, *_: x.detach(),
        torch.Tensor.size: _size,
        torch.Tensor.numel: lambda x: math.prod(shape_of(x)),
        torch.Tensor.nelement: lambda x: math.prod(shape_of(x)),
        torch.numel: lambda x: math.prod(shape_of(x)),
    }
)
