"""Adaptive pooling, to sizes that divide the image's and to others, in one dimension and in two.

ONNX has no such pool. Where the sizes divide, PyTorch's exporter writes an ordinary one; elsewhere
each bin is pooled by itself, rows first: a bin is a rectangle, so its mean is the mean of its rows'
means. A line of numbers is pooled as an image of height 1.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.export.capture.decompositions.plain_numbers import shape_of


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """`torch.nn.functional.adaptive_avg_pool1d`."""
    return adaptive_avg_pool2d(input.unsqueeze(-2), (1, *_length(output_size))).squeeze(-2)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """`torch.nn.functional.adaptive_avg_pool2d`."""

    def mean(part: Tensor, axis: int) -> Tensor:
        return part.mean(axis, keepdim=True)

    size = _size(input, output_size)
    if not _is_uneven(input, size):
        return functional.adaptive_avg_pool2d(input, size)
    return _binned(input, size, mean)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`torch.nn.functional.adaptive_max_pool1d`."""
    if return_indices:
        return functional.adaptive_max_pool1d(input, output_size, return_indices=True)
    largest: Tensor = adaptive_max_pool2d(input.unsqueeze(-2), (1, *_length(output_size)))
    return largest.squeeze(-2)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`torch.nn.functional.adaptive_max_pool2d`."""

    def largest(part: Tensor, axis: int) -> Tensor:
        kernel = [1, 1]
        kernel[axis] = shape_of(part)[axis]
        return functional.max_pool2d(part, kernel)

    size = _size(input, output_size)
    if return_indices:
        return functional.adaptive_max_pool2d(input, size, return_indices=True)
    if not _is_uneven(input, size):
        return functional.adaptive_max_pool2d(input, size)
    return _binned(input, size, largest)


def _length(output_size: Any) -> tuple[Any, ...]:
    return tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,)


def _size(x: Tensor, output_size: Any) -> tuple[int, int]:
    """(height, width), for a number, and for None, which keeps what there is."""
    pair = (output_size, output_size) if isinstance(output_size, int | None) else output_size
    (rows, columns), have = pair, shape_of(x)
    return have[-2] if rows is None else int(rows), have[-1] if columns is None else int(columns)


def _is_uneven(x: Tensor, size: Iterable[int]) -> bool:
    lengths = zip(shape_of(x)[-2:], size, strict=True)
    return any(output and length % output for length, output in lengths)


def _binned(x: Tensor, size: Iterable[int], pool: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Pools every bin along the rows, then along the columns.

    Bin i of n reaches from floor(i * length / n) to ceil((i + 1) * length / n).
    """
    for axis, output in zip((-2, -1), size, strict=True):
        length = shape_of(x)[axis]
        if output == length:
            continue
        ends = [(i * length // output, -(-(i + 1) * length // output)) for i in range(output)]
        bins = {}
        for start, end in dict.fromkeys(ends):
            part = x.narrow(axis, start, end - start)
            bins[start, end] = part if end - start == 1 else pool(part, axis)
        x = torch.cat([bins[each] for each in ends], axis)
    return x


ADAPTIVE_POOLS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        functional.adaptive_avg_pool1d: adaptive_avg_pool1d,
        functional.adaptive_avg_pool2d: adaptive_avg_pool2d,
        functional.adaptive_max_pool1d: adaptive_max_pool1d,
        functional.adaptive_max_pool2d: adaptive_max_pool2d,
    }
)
