"""Resizing, warping, upsampling, padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from idioms.net import Factory, conv, idiom, linear, stem


def _of(function: Any) -> Factory:
    return idiom(lambda s, x: s.b(function(s.f(x))), (32, 40), f=stem(8), b=conv(8, 6))


def _by(**how: Any) -> Factory:
    return _of(lambda y: F.interpolate(y, **how))


def _warped(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    theta = s.fc(y.mean((2, 3))).view(-1, 2, 3) * 0.1 + torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    grid = F.affine_grid(theta, list(y.shape), align_corners=False)
    return F.grid_sample(y, grid, align_corners=False)


def _flow(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    rows, columns = torch.meshgrid(
        torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 20), indexing="ij"
    )
    grid = torch.stack((columns, rows), -1)[None] + 0.1 * s.h(y).permute(0, 2, 3, 1).tanh()
    return F.grid_sample(y, grid, padding_mode="border", align_corners=True)


def _dysample(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    return F.interpolate(F.pixel_shuffle(s.up(y), 2), scale_factor=0.5, mode="bilinear") + y


def _carafe(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    n, c, h, w = y.shape
    kernels = F.pixel_shuffle(s.k(y), 2).softmax(1)
    windows = F.unfold(y, 3, padding=1).view(n, c * 9, h, w)
    windows = F.interpolate(windows, scale_factor=2, mode="nearest").view(n, c, 9, 2 * h, 2 * w)
    return (windows * kernels.unsqueeze(1)).sum(2)


def _unpooled(s: Any, x: torch.Tensor) -> torch.Tensor:
    y, places = F.max_pool2d(s.f(x), 2, 2, return_indices=True)
    return F.max_unpool2d(s.b(y), places, 2, 2)


def _pyramid(s: Any, x: torch.Tensor) -> torch.Tensor:
    a = s.f(x)
    b = s.g(a)
    return s.b(a + F.interpolate(b, size=a.shape[-2:], mode="nearest"))


IDIOMS = {
    "bicubic": _by(scale_factor=2, mode="bicubic"),
    "bicubic_down": _by(size=(7, 11), mode="bicubic", align_corners=False),
    "bilinear_antialiased": _by(size=(7, 9), mode="bilinear", antialias=True),
    "nearest_exact": _by(size=(23, 31), mode="nearest-exact"),
    "nearest_odd": _by(scale_factor=1.5, mode="nearest"),
    "area": _by(size=(5, 7), mode="area"),
    "bilinear_factor": _by(scale_factor=(1.7, 2.3), mode="bilinear"),
    "bilinear_corners": _by(size=(31, 39), mode="bilinear", align_corners=True),
    "upsample_module": idiom(
        lambda s, x: s.u(s.f(x)),
        f=stem(8),
        u=lambda: nn.Upsample(scale_factor=4, mode="bilinear", align_corners=False),
    ),
    "pyramid": idiom(_pyramid, f=stem(8), g=conv(8, 8, 3, 2), b=conv(8, 6)),
    "odd_pyramid": idiom(_pyramid, (50, 38), f=stem(8), g=conv(8, 8, 3, 2), b=conv(8, 6)),
    "spatial_transformer": idiom(_warped, (32, 40), f=stem(8), fc=linear(8, 6)),
    "flow_warp": idiom(_flow, (32, 40), f=stem(8), h=conv(8, 2)),
    "carafe": idiom(_carafe, (32, 40), f=stem(8), k=conv(8, 36)),
    "shuffle_and_shrink": idiom(_dysample, (32, 40), f=stem(8), up=conv(8, 32)),
    "transposed": idiom(
        lambda s, x: s.t(s.f(x)), f=stem(8), t=lambda: nn.ConvTranspose2d(8, 6, 4, 2, 1)
    ),
    "transposed_output_padding": idiom(
        lambda s, x: s.t(s.f(x)),
        f=stem(8),
        t=lambda: nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1),
    ),
    "transposed_grouped": idiom(
        lambda s, x: s.t(s.f(x)), f=stem(8), t=lambda: nn.ConvTranspose2d(8, 8, 4, 2, 1, groups=4)
    ),
    "transposed_depthwise": idiom(
        lambda s, x: s.t(s.f(x)),
        f=stem(8),
        t=lambda: nn.ConvTranspose2d(8, 8, 4, 2, 1, groups=8, bias=False),
    ),
    "transposed_dilated": idiom(
        lambda s, x: s.t(s.f(x)), f=stem(8), t=lambda: nn.ConvTranspose2d(8, 6, 3, 1, 2, dilation=2)
    ),
    "unpooling": idiom(_unpooled, f=stem(8), b=conv(8, 8)),
    "reflect_pad": _of(lambda y: F.pad(y, (2, 1, 3, 0), mode="reflect")),
    "replicate_pad": _of(lambda y: F.pad(y, (2, 1, 3, 0), mode="replicate")),
    "circular_pad": _of(lambda y: F.pad(y, (2, 1, 3, 0), mode="circular")),
    "negative_pad": _of(lambda y: F.pad(y, (-2, 1, -3, 2))),
    "constant_pad": _of(lambda y: F.pad(y, (1, 1, 0, 2), value=0.7)),
    "channel_pad": idiom(
        lambda s, x: s.b(F.pad(s.f(x), (0, 0, 0, 0, 2, 2))), f=stem(8), b=conv(12, 6)
    ),
    "conv_padding_mode": idiom(
        lambda s, x: s.b(s.f(x)),
        f=stem(8),
        b=lambda: nn.Conv2d(8, 6, 3, padding=1, padding_mode="reflect"),
    ),
    "conv_same_even": idiom(
        lambda s, x: s.b(s.f(x)), f=stem(8), b=lambda: nn.Conv2d(8, 6, 4, padding="same")
    ),
    "space_by_repeat": _of(lambda y: y.repeat(1, 1, 2, 2)),
}
