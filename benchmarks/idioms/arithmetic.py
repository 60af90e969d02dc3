"""Elementwise arithmetic beyond sums and products."""

from __future__ import annotations

from typing import Any

import torch

from idioms.net import Factory, conv, idiom, parameter, stem


def _of(function: Any) -> Factory:
    """The function of values on both sides of nought, between two convolutions."""
    return idiom(lambda s, x: s.b(function(3 * s.a(x))), a=conv(3, 8, 3, 2), b=conv(8, 6))


def _of_two(function: Any) -> Factory:
    return idiom(
        lambda s, x: s.c(function(s.a(x), s.b(x))), a=conv(3, 8), b=conv(3, 8), c=conv(8, 6)
    )


IDIOMS = {
    "floor": _of(torch.floor),
    "ceil": _of(torch.ceil),
    "round": _of(torch.round),
    "trunc_frac": _of(lambda x: torch.trunc(x) + 2 * torch.frac(x)),
    "sign": _of(torch.sign),
    "remainder": _of(lambda x: torch.remainder(x, 0.75)),
    "fmod": _of(lambda x: torch.fmod(x, 0.75)),
    "floor_divide": _of(lambda x: torch.div(x, 0.5, rounding_mode="floor")),
    "cosine": _of(torch.cos),
    "tangent": _of(lambda x: torch.tan(x * 0.3)),
    "arctangent": _of(torch.atan),
    "arctangent_of_two": _of_two(torch.atan2),
    "erf": _of(torch.erf),
    "exp_minus_one": _of(lambda x: torch.expm1(x.clamp(max=2))),
    "hyperbolic": _of(lambda x: torch.sinh(x * 0.5) + torch.cosh(x * 0.5)),
    "reciprocal": _of(lambda x: torch.reciprocal(1 + x.abs())),
    "power_of_number": _of(lambda x: torch.pow(2.0, x)),
    "power_by_half": _of(lambda x: (x.abs() + 0.1) ** 1.5),
    "power_learned": idiom(
        lambda s, x: s.b((s.a(x).abs() + 0.1) ** s.p),
        a=conv(3, 8),
        p=parameter(8, 1, 1),
        b=conv(8, 6),
    ),
    "maximum_minimum": _of_two(lambda a, b: torch.maximum(a, b) - 0.5 * torch.minimum(a, b)),
    "clamp_by_tensors": _of_two(lambda a, b: torch.clamp(a, min=-b.abs(), max=b.abs())),
    "lerp": _of_two(lambda a, b: torch.lerp(a, b, 0.3)),
    "addcmul": _of_two(lambda a, b: torch.addcmul(a, a, b, value=0.5)),
    "addcdiv": _of_two(lambda a, b: torch.addcdiv(a, a, b.abs() + 1, value=0.5)),
    "hypotenuse": _of_two(lambda a, b: torch.sqrt(a**2 + b**2 + 1e-6)),
    "logaddexp": _of_two(torch.logaddexp),
    "quotient": _of_two(lambda a, b: a / (b.abs() + 0.5)),
    "reversed_subtraction": _of(lambda x: 1 - torch.rsub(x, 0.5)),
    "absolute_difference": _of_two(lambda a, b: (a - b).abs()),
    "charbonnier": _of(lambda x: torch.sqrt(x * x + 1e-3)),
    "bits": _of(lambda x: torch.round(x.clamp(0, 1) * 15) / 15),
    "sine_embedding": idiom(
        lambda s, x: torch.cat([torch.sin(a := s.f(x)[..., None] * s.w), torch.cos(a)], -1).flatten(
            3
        ),
        f=stem(4, 4),
        w=lambda: 2.0 ** torch.arange(4),
    ),
    "normalized_input": idiom(
        lambda s, x: s.b((x - s.mean) / s.std),
        mean=parameter(3, 1, 1, scale=0.3),
        std=lambda: torch.tensor([0.2, 0.3, 0.4])[:, None, None],
        b=conv(3, 8),
    ),
    "grey_image": idiom(
        lambda s, x: s.b((x * s.w).sum(1, keepdim=True)),
        w=lambda: torch.tensor([0.299, 0.587, 0.114])[:, None, None],
        b=conv(1, 8),
    ),
}
