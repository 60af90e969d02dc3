"""Spells out functions of matrices for which the exporter has no form, or one that engines lack.

Products become einsums. Determinants, inverses and solutions of up to three equations, which places
and poses are computed with, are written out by cofactors; larger ones stay PyTorch's.
"""

# ruff: noqa: A002, N803 - callers may name the arguments as PyTorch does

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from edgeconv.export.capture.decompositions.einsum import einsum
from edgeconv.export.capture.decompositions.plain_numbers import shape_of
from edgeconv.export.capture.decompositions.spellings import everywhere

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LARGEST = 3


def _tensordot(a: Tensor, b: Tensor, dims: Any = 2, **_: Any) -> Tensor:
    if isinstance(dims, int):
        left, right = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        left, right = ([int(axis) for axis in axes] for axes in dims)
    of_a, of_b = list(_LETTERS[: a.dim()]), list(_LETTERS[a.dim() : a.dim() + b.dim()])
    over = [of_a[axis] for axis in left]
    for axis, letter in zip(right, over, strict=True):
        of_b[axis] = letter
    kept = [letter for letter in (*of_a, *of_b) if letter not in over]
    return einsum(f"{''.join(of_a)},{''.join(of_b)}->{''.join(kept)}", a, b)


def _kron(input: Tensor, other: Tensor) -> Tensor:
    """Every value of the first times the whole second, laid side by side along each axis."""
    rank = max(input.dim(), other.dim())
    first, second = ([1] * (rank - t.dim()) + list(shape_of(t)) for t in (input, other))
    apart = input.reshape([n for size in first for n in (size, 1)])
    whole = other.reshape([n for size in second for n in (1, size)])
    return (apart * whole).reshape([n * m for n, m in zip(first, second, strict=True)])


def _det(A: Tensor) -> Tensor:
    size = int(A.shape[-1])
    if size > _LARGEST:
        whole: Tensor = torch.linalg.det(A)
        return whole
    columns = range(size)
    total = A[..., 0, 0] * _minor(A, 0, 0)
    for column in columns[1:]:
        product = A[..., 0, column] * _minor(A, 0, column)
        total = total - product if column % 2 else total + product
    return total


def _inv(A: Tensor) -> Tensor:
    size = int(A.shape[-1])
    if size > _LARGEST:
        whole: Tensor = torch.linalg.inv(A)
        return whole
    rows = [
        torch.stack(
            [_minor(A, column, row) * (-1.0) ** (row + column) for column in range(size)], -1
        )
        for row in range(size)
    ]
    return torch.stack(rows, -2) / _det(A)[..., None, None]


def _minor(A: Tensor, row: int, column: int) -> Tensor:
    """The determinant without one row and one column, of a matrix of up to three."""
    rows, columns = ([n for n in range(int(A.shape[-1])) if n != gone] for gone in (row, column))
    if not rows:
        return torch.ones_like(A[..., 0, 0])
    if len(rows) == 1:
        return A[..., rows[0], columns[0]]
    (a, b), (c, d) = rows, columns
    return A[..., a, c] * A[..., b, d] - A[..., a, d] * A[..., b, c]


def _solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    size = int(A.shape[-1])
    if size > _LARGEST:
        whole: Tensor = torch.linalg.solve(A, B, left=left)
        return whole
    if B.dim() == 1 or shape_of(B) == shape_of(A)[:-1]:  # vectors, as PyTorch tells them
        return (_inv(A) @ B.unsqueeze(-1)).squeeze(-1)
    return _inv(A) @ B if left else B @ _inv(A)


MATRICES: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        torch.tensordot: _tensordot,
        **everywhere(kron=_kron, det=_det, inverse=_inv),
        torch.linalg.det: _det,
        torch.linalg.inv: _inv,
        torch.linalg.solve: _solve,
    }
)
"""Functions of PyTorch, and what stands for them."""
