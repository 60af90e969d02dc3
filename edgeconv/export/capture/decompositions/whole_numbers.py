"""Spells out what PyTorch's exporter rounds otherwise, or puts into double precision.

- division rounded down, which it rounds towards zero;
- isinf, isfinite and nan_to_num, which it asks of doubles.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from edgeconv.export.capture.decompositions.functions import FUNCTIONS


def _floor_divide(input: Any, other: Any) -> Tensor:
    if not _are_whole(input, other):
        down: Tensor = FUNCTIONS[torch.floor_divide](input, other)
        return down
    exact: Tensor = torch.div(input - torch.remainder(input, other), other, rounding_mode="trunc")
    return exact


def _div(input: Tensor, other: Any, *, rounding_mode: str | None = None, **more: Any) -> Tensor:
    if rounding_mode == "floor" and _are_whole(input, other):
        return _floor_divide(input, other)
    result: Tensor = FUNCTIONS[torch.div](input, other, rounding_mode=rounding_mode, **more)
    return result


def _are_whole(*numbers: Any) -> bool:
    return not any(
        n.is_floating_point() if isinstance(n, Tensor) else isinstance(n, float) for n in numbers
    )


def _isinf(input: Tensor) -> Tensor:
    return input.abs() == torch.inf


def _isfinite(input: Tensor) -> Tensor:
    return input.abs() < torch.inf


def _nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:
    there = torch.where(torch.isnan(input), 0.0 if nan is None else nan, input)
    limits = torch.finfo(input.dtype)
    if posinf is not None:
        there = torch.where(there == torch.inf, posinf, there)
    if neginf is not None:
        there = torch.where(there == -torch.inf, neginf, there)
    return there.clamp(limits.min, limits.max)


WHOLE_NUMBERS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        **dict.fromkeys(
            (torch.floor_divide, Tensor.floor_divide, Tensor.__floordiv__), _floor_divide
        ),
        **dict.fromkeys((torch.div, torch.divide, Tensor.div, Tensor.divide), _div),
        **dict.fromkeys((torch.isinf, Tensor.isinf), _isinf),
        **dict.fromkeys((torch.isfinite, Tensor.isfinite), _isfinite),
        **dict.fromkeys((torch.nan_to_num, Tensor.nan_to_num), _nan_to_num),
    }
)
"""Functions of PyTorch, and what stands for them."""
