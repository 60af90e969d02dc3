"""Normalizations, torch's own and spelled out."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from idioms.net import conv, idiom, linear, parameter, stem, tokens


def _channels_first(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    mean = y.mean(1, keepdim=True)
    spread = (y - mean).pow(2).mean(1, keepdim=True)
    y = (y - mean) / torch.sqrt(spread + 1e-6)
    return s.c(s.w[:, None, None] * y + s.b[:, None, None])


def _grn(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x).permute(0, 2, 3, 1)
    energy = torch.norm(y, p=2, dim=(1, 2), keepdim=True)
    y = s.w * (y * (energy / (energy.mean(dim=-1, keepdim=True) + 1e-6))) + s.b + y
    return s.c(y.permute(0, 3, 1, 2))


def _filter_response(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.a(x)
    y = y * torch.rsqrt(y.pow(2).mean((2, 3), keepdim=True) + 1e-6)
    return s.c(torch.max(y * s.w + s.b, s.t))


def _evonorm(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.a(x)
    n, c, h, w = y.shape
    spread = y.view(n, 4, -1).float().var(-1, unbiased=False, keepdim=True)
    spread = (
        (spread + 1e-5).sqrt().view(n, 4, 1, 1, 1).expand(n, 4, c // 4, h, w).reshape(n, c, h, w)
    )
    return y * (y * s.w).sigmoid() / spread + s.b


def _adaptive(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    scale, shift = s.fc(y.mean((2, 3)))[:, :, None, None].chunk(2, 1)
    return F.instance_norm(s.c(y)) * (1 + scale) + shift


def _standardized(s: Any, x: torch.Tensor) -> torch.Tensor:
    w = s.c.weight
    w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True) + 1e-5)
    return F.relu(s.n(F.conv2d(s.f(x), w, padding=1)))


def _spade(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    guide = F.interpolate(x, size=y.shape[2:], mode="nearest")
    return F.instance_norm(y) * (1 + s.a(guide)) + s.b(guide)


_AFFINE = {"w": parameter(16), "b": parameter(16, scale=0.2)}
_PLANES = {"w": parameter(16, 1, 1), "b": parameter(16, 1, 1, scale=0.2)}

IDIOMS = {
    "layer_norm_tokens": idiom(
        lambda s, x: s.fc(s.n(tokens(s.f(x)))),
        f=stem(),
        n=lambda: nn.LayerNorm(16),
        fc=linear(16, 8),
    ),
    "layer_norm_channels_last": idiom(
        lambda s, x: s.c(s.n(s.f(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
        f=stem(),
        n=lambda: nn.LayerNorm(16, eps=1e-6),
        c=conv(16, 8),
    ),
    "layer_norm_by_hand": idiom(_channels_first, f=stem(), c=conv(16, 8), **_AFFINE),
    "layer_norm_planes": idiom(
        lambda s, x: s.n(s.f(x)), f=stem(8), n=lambda: nn.LayerNorm([8, 16, 16])
    ),
    "rms_norm": idiom(
        lambda s, x: s.fc(s.n(tokens(s.f(x)))), f=stem(), n=lambda: nn.RMSNorm(16), fc=linear(16, 8)
    ),
    "rms_norm_by_hand": idiom(
        lambda s, x: s.c((y := s.f(x)) * torch.rsqrt(y.pow(2).mean(1, keepdim=True) + 1e-6) * s.w),
        f=stem(),
        c=conv(16, 8),
        w=parameter(16, 1, 1),
    ),
    "group_norm": idiom(
        lambda s, x: s.c(F.silu(s.n(s.a(x)))),
        a=conv(3, 16, 3, 2),
        n=lambda: nn.GroupNorm(4, 16),
        c=conv(16, 8),
    ),
    "group_norm_of_one": idiom(
        lambda s, x: s.c(s.n(s.f(x))), f=stem(), n=lambda: nn.GroupNorm(1, 16), c=conv(16, 8)
    ),
    "instance_norm": idiom(
        lambda s, x: s.c(F.relu(s.n(s.a(x)))),
        a=conv(3, 16, 3, 2),
        n=lambda: nn.InstanceNorm2d(16, affine=True),
        c=conv(16, 8),
    ),
    "instance_norm_tracked": idiom(
        lambda s, x: s.n(s.f(x)),
        f=stem(),
        n=lambda: nn.InstanceNorm2d(16, track_running_stats=True),
    ),
    "batch_norm_1d": idiom(
        lambda s, x: s.fc2(F.relu(s.n(s.fc(s.f(x).mean((2, 3)))))),
        f=stem(),
        fc=linear(16, 12),
        n=lambda: nn.BatchNorm1d(12),
        fc2=linear(12, 4),
    ),
    "batch_norm_first": idiom(
        lambda s, x: s.c(F.relu(s.n(s.f(x)))), f=stem(), n=lambda: nn.BatchNorm2d(16), c=conv(16, 8)
    ),
    "local_response": idiom(
        lambda s, x: s.c(s.n(s.f(x))), f=stem(), n=lambda: nn.LocalResponseNorm(5), c=conv(16, 8)
    ),
    "global_response": idiom(_grn, f=stem(), c=conv(16, 8), **_AFFINE),
    "filter_response": idiom(
        _filter_response,
        a=conv(3, 16, 3, 2),
        c=conv(16, 8),
        **_PLANES,
        t=parameter(16, 1, 1, scale=0.2),
    ),
    "evonorm": idiom(_evonorm, a=conv(3, 16, 3, 2), **_PLANES),
    "adaptive_instance": idiom(_adaptive, f=stem(), fc=linear(16, 32), c=conv(16, 16)),
    "standardized_weights": idiom(
        _standardized, f=stem(), c=conv(16, 16, bias=False), n=lambda: nn.GroupNorm(4, 16)
    ),
    "spatially_adaptive": idiom(_spade, f=stem(), a=conv(3, 16), b=conv(3, 16)),
    "pixel_norm": idiom(
        lambda s, x: s.c((y := s.f(x)) / torch.sqrt((y * y).mean(1, True) + 1e-8)),
        f=stem(),
        c=conv(16, 8),
    ),
}
