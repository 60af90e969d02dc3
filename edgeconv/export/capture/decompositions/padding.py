"""Padding by negative amounts, which crops, spelled out: ONNX's engines and TFLite have it not.

PyTorch pads circularly what cropping left of the image, and mirrors or repeats the edge of the
image as it was.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Tensor:
    """`torch.nn.functional.pad`."""
    amounts = [int(amount) for amount in pad]  # in a trace they may be tensors
    if all(amount >= 0 for amount in amounts):
        return functional.pad(input, amounts, mode, value)
    growth = [max(amount, 0) for amount in amounts]
    if mode in ("constant", "circular"):
        cropped = _cropped(input, amounts)
        return functional.pad(cropped, growth, mode, value) if any(growth) else cropped
    return _cropped(functional.pad(input, growth, mode), amounts)


def _cropped(x: Tensor, amounts: Sequence[int]) -> Tensor:
    """Without what negative amounts take away; pairs of them begin at the last axis."""
    for i in range(len(amounts) // 2):
        before, after = (max(-amount, 0) for amount in amounts[2 * i : 2 * i + 2])
        axis = x.dim() - 1 - i
        if before or after:
            x = x.narrow(axis, before, int(x.shape[axis]) - before - after)
    return x


def _constant(input: Tensor, amounts: Sequence[int], value: float = 0) -> Tensor:
    return pad(input, amounts, "constant", value)


PADS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {functional.pad: pad, torch.constant_pad_nd: _constant}
)
