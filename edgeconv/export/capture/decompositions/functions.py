"""Spells out functions of numbers that PyTorch's exporter refuses, or writes less exactly.

Each in a form that keeps its digits in float32, near zero too. What such a function is made of is
of no use by itself: `x - ((1 + x) - 1)` is nothing but a rounding error. So all operators that come
from this file compute in float in every int8 file (`trace` finds them by it).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.export.capture.decompositions.spellings import everywhere

Number = float | Tensor

#: Softplus differs from its argument by less than float32 resolves from here on.
_FAR_OUT = 16.0


def _sinh(x: Tensor) -> Tensor:
    return torch.tanh(x * 0.5) * (1.0 + _cosh(x))


def _cosh(x: Tensor) -> Tensor:
    return (torch.exp(x) + torch.exp(-x)) * 0.5


def _expm1(x: Tensor) -> Tensor:
    return torch.tanh(x * 0.5) * (torch.exp(x) + 1.0)


def _log1p(x: Tensor) -> Tensor:
    """The logarithm of 1 + x as rounded, and what the rounding took (Kahan)."""
    above = x + 1.0
    return torch.log(above) + (x - (above - 1.0)) / above


def _asinh(x: Tensor) -> Tensor:
    size = x.abs()
    return torch.sign(x) * _log1p(size + size * size / (1.0 + torch.sqrt(size * size + 1.0)))


def _acosh(x: Tensor) -> Tensor:
    above = x - 1.0
    return _log1p(above + torch.sqrt(above * (x + 1.0)))


def _atanh(x: Tensor) -> Tensor:
    size = x.abs()
    return torch.sign(x) * 0.5 * _log1p(2.0 * size / (1.0 - size))


def _atan2(x: Tensor, other: Tensor) -> Tensor:
    """By the quotient; half a turn to the side of x where other is negative; 0 at the origin."""
    origin = _is_zero(x) * _is_zero(other)
    half_turn = math.pi * (1.0 - 2.0 * _is_above(-x)) * _is_above(-other)
    return torch.atan(x / (other + origin)) + half_turn


def _trunc(x: Tensor) -> Tensor:
    return torch.sign(x) * torch.floor(x.abs())


def _frac(x: Tensor) -> Tensor:
    return x - _trunc(x)


def _remainder(x: Number, other: Number) -> Tensor:
    """With the sign of the divisor, as Python has it; exact, as fmod is."""
    left = torch.fmod(_tensor(x, other), other)
    short = torch.relu(-torch.sign(left) * _sign(other))
    return left + other * short


def _floor_divide(x: Number, other: Number) -> Tensor:
    """Without the step that a quotient just below a whole number takes when it is rounded."""
    return torch.round((x - _remainder(x, other)) / other)


def _div(x: Number, other: Number, *, rounding_mode: str | None = None) -> Tensor:
    if rounding_mode == "floor":
        return _floor_divide(x, other)
    if rounding_mode == "trunc":
        return _trunc(_tensor(x, other) / other)
    return torch.div(_tensor(x, other), other)


def _copysign(x: Tensor, other: Number) -> Tensor:
    if isinstance(other, Tensor):
        return x.abs() * (1.0 - 2.0 * _is_above(-other))
    return x.abs() * math.copysign(1.0, other)


def _heaviside(x: Tensor, values: Tensor) -> Tensor:
    return _is_above(x) + _is_zero(x) * values


def _erfc(x: Tensor) -> Tensor:
    return 1.0 - torch.erf(x)


def _ndtr(x: Tensor) -> Tensor:
    return 0.5 * (1.0 + torch.erf(x * math.sqrt(0.5)))


def _xlogy(x: Number, other: Number) -> Tensor:
    """0 where x is."""
    factor = _tensor(x, other)
    nothing = _is_zero(factor)
    return factor * torch.log(other * (1.0 - nothing) + nothing)


def _entr(x: Tensor) -> Tensor:
    return -_xlogy(x, x)


def _sinc(x: Tensor) -> Tensor:
    angle, middle = x * math.pi, _is_zero(x)
    return (torch.sin(angle) + middle) / (angle + middle)


def _logit(x: Tensor, eps: float | None = None) -> Tensor:
    kept = x if eps is None else x.clamp(eps, 1.0 - eps)
    return torch.log(kept / (1.0 - kept))


def _hardshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    return x * _is_above(x.abs() - lambd)


def _threshold(x: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    passes = _is_above(x - threshold)
    result = x * passes if value == 0.0 else x * passes + value * (1.0 - passes)
    if threshold == value == 0.0:
        result = torch.relu(x)
    return x.copy_(result) if inplace else result


def _softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Straight from the threshold on, which shows where that is not far out."""
    smooth = functional.softplus(x, beta, _FAR_OUT)
    if threshold >= _FAR_OUT:
        return smooth
    passes = _is_above(x * beta - threshold)
    return x * passes + smooth * (1.0 - passes)


def _rms_norm(
    x: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    axes = tuple(range(-len(normalized_shape), 0))
    least = torch.finfo(torch.float32).eps if eps is None else eps
    normal = x / torch.sqrt((x * x).mean(axes, keepdim=True) + least)
    return normal if weight is None else normal * weight


def _is_above(x: Tensor) -> Tensor:
    """1 above zero, 0 elsewhere."""
    return torch.relu(torch.sign(x))


def _is_zero(x: Tensor) -> Tensor:
    """1 at zero, 0 elsewhere."""
    return 1.0 - torch.sign(x).abs()


def _sign(x: Number) -> Number:
    return torch.sign(x) if isinstance(x, Tensor) else math.copysign(1.0, x)


def _tensor(x: Number, like: Number) -> Tensor:
    """A number as a tensor of another one's type."""
    if isinstance(x, Tensor):
        return x
    assert isinstance(like, Tensor)
    return torch.tensor(x, dtype=like.dtype)


#: By PyTorch's name; `spellings` finds what else it is called.
FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        **everywhere(
            sinh=_sinh,
            cosh=_cosh,
            expm1=_expm1,
            log1p=_log1p,
            asinh=_asinh,
            arcsinh=_asinh,
            acosh=_acosh,
            arccosh=_acosh,
            atanh=_atanh,
            arctanh=_atanh,
            atan2=_atan2,
            arctan2=_atan2,
            trunc=_trunc,
            fix=_trunc,
            frac=_frac,
            remainder=_remainder,
            floor_divide=_floor_divide,
            div=_div,
            divide=_div,
            copysign=_copysign,
            heaviside=_heaviside,
            erfc=_erfc,
            ndtr=_ndtr,
            xlogy=_xlogy,
            entr=_entr,
            sinc=_sinc,
            logit=_logit,
            hardshrink=_hardshrink,
            threshold=_threshold,
            softplus=_softplus,
            rms_norm=_rms_norm,
            __mod__=_remainder,
            __floordiv__=_floor_divide,
        ),
        **everywhere(
            __rmod__=lambda x, other: _remainder(other, x),
            __rfloordiv__=lambda x, other: _floor_divide(other, x),
        ),
    }
)
