"""Activations: torch's own, and those that nets spell out."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from idioms.net import Factory, conv, idiom, parameter


def _of(activation: Any) -> Factory:
    """The activation of values on both sides of nought, between two convolutions."""
    return idiom(lambda s, x: s.b(activation(2 * s.a(x))), a=conv(3, 8, 3, 2), b=conv(8, 6))


def _module(make: Any, channels: int = 8) -> Factory:
    return idiom(lambda s, x: s.b(s.m(2 * s.a(x))), a=conv(3, 8, 3, 2), m=make, b=conv(channels, 6))


def _gelu_by_erf(x: torch.Tensor) -> torch.Tensor:
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


def _gelu_by_tanh(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))


def _maxout(x: torch.Tensor) -> torch.Tensor:
    return torch.maximum(*x.chunk(2, 1))


IDIOMS = {
    "selu": _of(F.selu),
    "celu": _of(lambda x: F.celu(x, 0.7)),
    "elu_alpha": _of(lambda x: F.elu(x, 0.3)),
    "hardshrink": _of(F.hardshrink),
    "softshrink": _of(F.softshrink),
    "tanhshrink": _of(F.tanhshrink),
    "softsign": _of(F.softsign),
    "logsigmoid": _of(F.logsigmoid),
    "softplus_beta": _of(lambda x: F.softplus(x, beta=2, threshold=3)),
    "mish": _of(F.mish),
    "mish_by_hand": _of(lambda x: x * torch.tanh(F.softplus(x))),
    "threshold": _of(lambda x: F.threshold(x, 0.1, -0.2)),
    "hardtanh": _of(lambda x: F.hardtanh(x, -0.5, 1.5)),
    "hardswish_by_hand": _of(lambda x: x * F.relu6(x + 3) / 6),
    "silu_by_hand": _of(lambda x: x * torch.sigmoid(x)),
    "quick_gelu": _of(lambda x: x * torch.sigmoid(1.702 * x)),
    "gelu": _of(F.gelu),
    "gelu_tanh": _of(lambda x: F.gelu(x, approximate="tanh")),
    "gelu_by_erf": _of(_gelu_by_erf),
    "gelu_by_tanh": _of(_gelu_by_tanh),
    "gelu_scaled": _of(lambda x: F.gelu(x) * 1.7015043497085571),
    "relu_squared": _of(lambda x: F.relu(x).square()),
    "snake": _of(lambda x: x + torch.sin(2 * x) ** 2 / 2),
    "sine": _of(lambda x: torch.sin(3 * x)),
    "rrelu": _of(lambda x: F.rrelu(x)),
    "crelu": idiom(
        lambda s, x: s.b(torch.cat([F.relu(y := s.a(x)), F.relu(-y)], 1)),
        a=conv(3, 8),
        b=conv(16, 6),
    ),
    "maxout": idiom(lambda s, x: s.b(_maxout(s.a(x))), a=conv(3, 16), b=conv(8, 6)),
    "glu": idiom(lambda s, x: s.b(F.glu(s.a(x), 1)), a=conv(3, 16), b=conv(8, 6)),
    "geglu": idiom(
        lambda s, x: s.b((c := s.a(x).chunk(2, 1))[0] * F.gelu(c[1])), a=conv(3, 16), b=conv(8, 6)
    ),
    "swiglu": idiom(
        lambda s, x: s.b(F.silu(s.a(x)) * s.c(x)), a=conv(3, 8), c=conv(3, 8), b=conv(8, 6)
    ),
    "prelu_channels": _module(lambda: nn.PReLU(8, 0.3)),
    "learned_swish": idiom(
        lambda s, x: s.b((y := s.a(x)) * torch.sigmoid(s.beta * y)),
        a=conv(3, 8),
        beta=parameter(1, 8, 1, 1),
        b=conv(8, 6),
    ),
    "log_of_relu": _of(lambda x: torch.log1p(F.relu(x))),
    "signed_root": _of(lambda x: x.sign() * x.abs().sqrt()),
    "softmax_channels": _of(lambda x: x.softmax(1)),
    "softmin_rows": _of(lambda x: F.softmin(x, 2)),
    "softmax2d": _module(lambda: nn.Softmax2d()),
}
