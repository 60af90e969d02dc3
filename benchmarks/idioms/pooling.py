"""Pools and odd convolutions."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from idioms.net import Factory, conv, idiom, linear, stem


def _of(function: Any) -> Factory:
    return idiom(lambda s, x: s.b(function(s.f(x))), (33, 38), f=stem(8), b=conv(8, 6))


def _blurred(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = F.max_pool2d(s.f(x), 2, 1)
    return F.conv2d(
        F.pad(y, (1, 1, 1, 1), mode="reflect"), s.k.expand(8, 1, 3, 3), stride=2, groups=8
    )


def _spatial_pyramid(y: torch.Tensor) -> torch.Tensor:
    pooled = [y]
    for _ in range(3):
        pooled.append(F.max_pool2d(pooled[-1], 5, 1, 2))
    return torch.cat(pooled, 1).mean(1, keepdim=True).expand_as(y)


def _pyramid_bins(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    bins = [
        F.interpolate(F.adaptive_avg_pool2d(y, b), y.shape[2:], mode="bilinear")
        for b in (1, 2, 3, 6)
    ]
    return s.b(torch.cat(bins, 1))


def _blur_kernel() -> torch.Tensor:
    row = torch.tensor([1.0, 2, 1]) / 4
    return (row[:, None] * row).view(1, 1, 3, 3)


IDIOMS = {
    "max_dilated": _of(lambda y: F.max_pool2d(y, 3, 1, 1, dilation=2)),
    "max_ceil": _of(lambda y: F.max_pool2d(y, 3, 2, ceil_mode=True)),
    "average_uncounted": _of(lambda y: F.avg_pool2d(y, 3, 2, 1, count_include_pad=False)),
    "average_ceil": _of(lambda y: F.avg_pool2d(y, 3, 2, 1, ceil_mode=True)),
    "average_divisor": _of(lambda y: F.avg_pool2d(y, 3, 2, divisor_override=5)),
    "adaptive_odd": _of(lambda y: F.adaptive_avg_pool2d(y, (5, 7))),
    "adaptive_max": _of(lambda y: F.adaptive_max_pool2d(y, (4, 3))),
    "spatial_pyramid": _of(_spatial_pyramid),
    "pyramid_bins": idiom(_pyramid_bins, f=stem(8), b=conv(32, 6)),
    "blur_pool": idiom(_blurred, f=stem(8), k=_blur_kernel),
    "strip_pooling": _of(
        lambda y: (
            y
            * (F.adaptive_avg_pool2d(y, (1, None)) + F.adaptive_avg_pool2d(y, (None, 1))).sigmoid()
        )
    ),
    "soft_pool": _of(lambda y: F.avg_pool2d(y * y.exp(), 2) / F.avg_pool2d(y.exp(), 2)),
    "min_pool": _of(lambda y: -F.max_pool2d(-y, 3, 2, 1)),
    "dilated_branches": idiom(
        lambda s, x: torch.cat([s.a(y := s.f(x)), s.b(y), s.c(y)], 1),
        f=stem(8),
        a=conv(8, 4),
        b=lambda: nn.Conv2d(8, 4, 3, padding=6, dilation=6),
        c=lambda: nn.Conv2d(8, 4, 3, padding=(2, 4), dilation=(2, 4)),
    ),
    "grouped": idiom(lambda s, x: s.b(s.f(x)), f=stem(16), b=conv(16, 24, 3, 2, groups=4)),
    "depthwise_multiplier": idiom(
        lambda s, x: s.b(s.f(x)), f=stem(8), b=conv(8, 24, 5, 2, groups=8)
    ),
    "separable_wide": idiom(
        lambda s, x: s.b(s.a(s.f(x))),
        f=stem(8),
        a=lambda: nn.Conv2d(8, 8, (1, 11), padding=(0, 5)),
        b=lambda: nn.Conv2d(8, 8, (11, 1), padding=(5, 0), groups=8),
    ),
    "fixed_kernel": idiom(
        lambda s, x: s.b(F.conv2d(x, s.k.expand(3, 1, 3, 3), padding=1, groups=3)),
        k=_blur_kernel,
        b=conv(3, 8),
    ),
    "functional_linear": idiom(
        lambda s, x: F.linear(s.f(x).amax((2, 3)), s.fc.weight[:4], s.fc.bias[:4]),
        f=stem(8),
        fc=linear(8, 6),
    ),
}
