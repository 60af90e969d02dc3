"""Max-unpooling: each value where the maximum stood that a max-pool found.

ONNX files have an operator for it, phones none, and TFLite's max-pool does not say where its maxima
stood. Windows that lie side by side are taken apart instead, (N, C, H * k, W * l) as (N, C, H, W,
k * l), of which the first largest value is looked for. Unpooling spreads each value over its
window, zero but there.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.errors import NetRefused
from edgeconv.export.capture.calls import place
from edgeconv.export.capture.decompositions.padding import pad
from edgeconv.export.capture.decompositions.plain_numbers import each_axis, shape_of

_MAXIMA = "_edgeconv_maxima"


@dataclass(frozen=True)
class _Maxima:
    """The max-pool that found indices: what it read, (N, C, H, W), and its windows side by side."""

    image: Tensor
    kernel: tuple[int, ...]


def remember_maxima(indices: Tensor, image: Tensor, kernel: Sequence[int]) -> None:
    """Notes on the indices of a max-pool, whose windows lie side by side, what it read."""
    setattr(indices, _MAXIMA, _Maxima(image, tuple(kernel)))


def max_unpool(input: Tensor, indices: Tensor, *arguments: Any, **named: Any) -> Tensor:
    """`torch.nn.functional.max_unpool1d` and `max_unpool2d`.

    Raises:
        NetRefused: the indices are no such max-pool's.
    """
    maxima: _Maxima | None = getattr(indices, _MAXIMA, None)
    if maxima is None:
        raise NetRefused(
            f"the net unpools at {place()} by indices that no plain max-pool gave it. edgeconv "
            "takes those of MaxPool2d and MaxPool1d, as they are, of windows side by side: a "
            "stride as long as the kernel, without padding, dilation and ceil_mode"
        )
    rank = len(maxima.kernel)
    x, wanted = input, _output_size(rank, input, *arguments, **named)
    if rank == 1:
        x, maxima = x.unsqueeze(-2), _Maxima(maxima.image.unsqueeze(-2), (1, *maxima.kernel))
    sides = shape_of(maxima.image)[-2:]
    spread = _spread(x, _places(maxima.image, maxima.kernel, shape_of(x)[-2:]), maxima.kernel)
    missing = [side - have for side, have in zip(sides, shape_of(spread)[-2:], strict=True)]
    whole = functional.pad(spread, (0, missing[1], 0, missing[0]))
    whole = whole.squeeze(-2) if rank == 1 else whole
    return whole if wanted == sides[-rank:] else _reread(whole, rank, wanted)


def _output_size(rank: int, x: Tensor, *arguments: Any, **named: Any) -> tuple[int, ...]:
    """Of the image PyTorch would give."""
    given = dict(zip(("kernel_size", "stride", "padding", "output_size"), arguments, strict=False))
    given |= named
    size = given.get("output_size")
    if size is not None:
        return tuple(int(side) for side in size)[-rank:]
    kernel, stride, padding = (
        each_axis(setting, rank)
        for setting in (
            given["kernel_size"],
            given.get("stride") or given["kernel_size"],
            given.get("padding") or 0,
        )
    )
    axes = zip(shape_of(x)[-rank:], kernel, stride, padding, strict=True)
    return tuple((n - 1) * s - 2 * p + k for n, k, s, p in axes)


def _places(image: Tensor, kernel: Sequence[int], counts: Sequence[int]) -> Tensor:
    """(N, C, H, W): which value of each window is the first largest."""
    (high, wide), (rows, columns) = kernel, counts
    leading = shape_of(image)[:-2]
    whole = image[..., : rows * high, : columns * wide]
    apart = whole.reshape(*leading, rows, high, columns, wide).transpose(-3, -2)
    return apart.reshape(*leading, rows, columns, high * wide).argmax(-1)


def _spread(x: Tensor, places: Tensor, kernel: Sequence[int]) -> Tensor:
    """(N, C, H * k, W * l): each value at its place in its window, zeros elsewhere."""
    high, wide = kernel
    *leading, rows, columns = shape_of(x)
    is_there = places.unsqueeze(-1) == torch.arange(high * wide)
    values = x.unsqueeze(-1) * is_there.to(x.dtype)
    windows = values.reshape(*leading, rows, columns, high, wide).transpose(-3, -2)
    return windows.reshape(*leading, rows * high, columns * wide)


def _reread(whole: Tensor, rank: int, wanted: tuple[int, ...]) -> Tensor:
    """Another size takes the indices as PyTorch does: as places in a row of all pixels."""
    leading = shape_of(whole)[:-rank]
    flat = whole.reshape(*leading, -1)
    missing = math.prod(wanted) - shape_of(flat)[-1]
    return pad(flat, (0, missing)).reshape(*leading, *wanted)


UNPOOLINGS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {functional.max_unpool1d: max_unpool, functional.max_unpool2d: max_unpool}
)
