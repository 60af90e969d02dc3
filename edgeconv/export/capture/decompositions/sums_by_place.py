"""Spells out functions that add up what is written to one place, by a product with zeros and ones.

    out.index_add_(1, groups, x)      out + x @ [which value belongs to which place]

Engines write each place once, or not at all. Which place a value belongs to may be a constant or
computed; the matrix is then a constant or a comparison with all places.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.export.capture.decompositions.moves import movedim
from edgeconv.export.capture.decompositions.plain_numbers import shape_of
from edgeconv.export.capture.decompositions.spellings import everywhere

#: Numbers in the largest such matrix.
_MOST = 2**22


def _index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    if index.numel() * int(input.shape[dim]) > _MOST:
        return torch.index_add(input, dim, index, source, alpha=alpha)
    values = movedim(source, dim, -1)
    sums = values @ _belongs(index.reshape(-1), int(input.shape[dim]), values)
    return input + movedim(sums if alpha == 1 else sums * alpha, -1, dim)


def _scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    axis, given = dim % input.dim(), shape_of(index)
    count, is_line = int(input.shape[axis]), _is_one_line(index, axis)
    whole = all(
        n == m for a, (n, m) in enumerate(zip(given, shape_of(input), strict=True)) if a != axis
    )
    if not whole or (given[axis] if is_line else index.numel()) * count > _MOST:
        return torch.scatter_add(input, dim, index, src)
    values = movedim(src[tuple(slice(length) for length in given)], axis, -1)
    places = movedim(index, axis, -1)
    if is_line:
        sums = values @ _belongs(places.reshape(-1, given[axis])[0], count, values)
    else:
        sums = (values.unsqueeze(-2) @ _belongs(places, count, values)).squeeze(-2)
    return input + movedim(sums, -1, axis)


def _is_one_line(index: Tensor, axis: int) -> bool:
    """Whether the places are one row along an axis, expanded along the others."""
    steps = zip(shape_of(index), index.stride(), strict=True)
    return all(length == 1 or step == 0 or a == axis for a, (length, step) in enumerate(steps))


def _belongs(places: Tensor, count: int, like: Tensor) -> Tensor:
    """(..., places, count): one where a value belongs to a place, else nought."""
    return (places.unsqueeze(-1) == torch.arange(count)).to(like.dtype)


def _embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Of bags of one size, the rows of a matrix: looked up, then joined."""
    if input.dim() != 2 or max_norm is not None or padding_idx is not None:
        result: Tensor = functional.embedding_bag(
            *(input, weight, offsets, max_norm, norm_type, scale_grad_by_freq, mode, sparse),
            *(per_sample_weights, include_last_offset, padding_idx),
        )
        return result
    rows = functional.embedding(input, weight)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(-1)
    if mode == "max":
        return rows.amax(1)
    return rows.sum(1) if mode == "sum" else rows.mean(1)


SUMS_BY_PLACE: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        **everywhere(index_add=_index_add, scatter_add=_scatter_add),
        functional.embedding_bag: _embedding_bag,
    }
)
"""Functions of PyTorch, and what stands for them."""
