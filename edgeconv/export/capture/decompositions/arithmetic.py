"""Spells out arithmetic that PyTorch's exporter refuses, or writes with comparisons.

In int8 files each operator of it computes as it would anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.export.capture.decompositions.plain_numbers import shape_of
from edgeconv.export.capture.decompositions.spellings import everywhere


def _softshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    return x - x.clamp(-lambd, lambd)


def _logsigmoid(x: Tensor) -> Tensor:
    """As the exporter has it, the logarithm of a sigmoid, it is infinite where that is 0."""
    return -functional.softplus(-x)


def _logaddexp(x: Tensor, other: Tensor) -> Tensor:
    return torch.maximum(x, other) + functional.softplus(-(x - other).abs())


def _logaddexp2(x: Tensor, other: Tensor) -> Tensor:
    far = (x - other).abs() * -math.log(2.0)
    return torch.maximum(x, other) + functional.softplus(far) * (1.0 / math.log(2.0))


def _hypot(x: Tensor, other: Tensor) -> Tensor:
    return torch.sqrt(x * x + other * other)


def _lerp(x: Tensor, end: Tensor, weight: float | Tensor) -> Tensor:
    """From the nearer end where that is known, as PyTorch does."""
    if isinstance(weight, Tensor) or weight < 0.5:
        return x + (end - x) * weight
    return end - (end - x) * (1.0 - weight)


def _addcdiv(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1.0) -> Tensor:
    return x + tensor1 / tensor2 * value


def _diff(x: Tensor, n: int = 1, dim: int = -1) -> Tensor:
    for _ in range(n):
        length = int(x.shape[dim]) - 1
        x = x.narrow(dim, 1, length) - x.narrow(dim, 0, length)
    return x


def _dist(x: Tensor, other: Tensor, p: float = 2.0) -> Tensor:
    result: Tensor = torch.linalg.vector_norm(x - other, p)
    return result


def _float_power(x: float | Tensor, exponent: float | Tensor) -> Tensor:
    """In float32, as hub graphs compute."""
    result: Tensor = torch.pow(x, exponent)  # type: ignore[arg-type]
    return result


def _bilinear(x: Tensor, other: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """sum_ij x_i w_oij y_j: a linear layer of x for each o and j, then products with y, summed."""
    outputs, left, right = shape_of(weight)
    rows = weight.permute(0, 2, 1).reshape(outputs * right, left)
    leading = shape_of(x)[:-1]
    planes = functional.linear(x, rows).reshape(*leading, outputs, right)
    total = (planes * other.unsqueeze(-2)).sum(-1)
    return total if bias is None else total + bias


def _scanned(combine: Callable[[Tensor, Tensor], Tensor], x: Tensor, dim: int) -> Tensor:
    """At each place, all up to it combined, in log2(length) steps (Hillis and Steele, 1986)."""
    length, step = int(x.shape[dim]), 1
    while step < length:
        first = x.narrow(dim, 0, step)
        both = combine(x.narrow(dim, step, length - step), x.narrow(dim, 0, length - step))
        x = torch.cat([first, both], dim)
        step *= 2
    return x


def _cumprod(x: Tensor, dim: int) -> Tensor:
    return _scanned(torch.mul, x, dim)


def _logcumsumexp(x: Tensor, dim: int) -> Tensor:
    return _scanned(_logaddexp, x, dim)


def _cummax(x: Tensor, dim: int) -> Any:
    """The values; who asks for their places gets what the exporter says of them."""
    places = torch.cummax(x, dim)[1]
    return torch.return_types.cummax((_scanned(torch.maximum, x, dim), places))


def _cummin(x: Tensor, dim: int) -> Any:
    places = torch.cummin(x, dim)[1]
    return torch.return_types.cummin((_scanned(torch.minimum, x, dim), places))


def _median(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower of the two in the middle of an even number, as PyTorch has it; values alone."""
    if dim is None:
        return _median(x.flatten(), 0)[0]
    middle = (int(x.shape[dim]) - 1) // 2
    places = torch.median(x, dim, keepdim)[1]
    return torch.return_types.median((_of_sorted(x, middle, dim, keepdim), places))


def _kthvalue(x: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    places = torch.kthvalue(x, k, dim, keepdim)[1]
    return torch.return_types.kthvalue((_of_sorted(x, k - 1, dim, keepdim), places))


def _of_sorted(x: Tensor, place: int, dim: int, keepdim: bool) -> Tensor:
    values = torch.sort(x, dim)[0].narrow(dim, place, 1)
    return values if keepdim else values.squeeze(dim)


def _searchsorted(
    sorted_sequence: Tensor,
    input: Any,  # noqa: A002
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Of one row of bounds, as bucketize; of a row for each row of values, by counting."""
    if sorter is not None or not isinstance(input, Tensor):
        return torch.searchsorted(
            sorted_sequence, input, out_int32=out_int32, right=right, side=side, sorter=sorter
        )
    right = right if side is None else side == "right"
    bounds, values = sorted_sequence.unsqueeze(-2), input.unsqueeze(-1)
    passed = values >= bounds if right else values > bounds
    return passed.sum(-1, dtype=torch.int32 if out_int32 else torch.int64)


ARITHMETIC: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {torch.searchsorted: _searchsorted}  # whose `input` is its second argument
    | everywhere(
        softshrink=_softshrink,
        logsigmoid=_logsigmoid,
        log_sigmoid=_logsigmoid,
        logaddexp=_logaddexp,
        logaddexp2=_logaddexp2,
        hypot=_hypot,
        lerp=_lerp,
        addcdiv=_addcdiv,
        diff=_diff,
        dist=_dist,
        float_power=_float_power,
        bilinear=_bilinear,
        cumprod=_cumprod,
        logcumsumexp=_logcumsumexp,
        cummax=_cummax,
        cummin=_cummin,
        median=_median,
        kthvalue=_kthvalue,
        fmax=torch.maximum,
        fmin=torch.minimum,
        sgn=torch.sign,
        positive=lambda x: x,
        expit=torch.sigmoid,
        exp2=lambda x: torch.pow(2.0, x),
        deg2rad=lambda x: x * (math.pi / 180.0),
        rad2deg=lambda x: x * (180.0 / math.pi),
    )
)
