"""Gates and products between features: channel attention, bilinear forms, gated units, mixers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from idioms.net import conv, idiom, linear, parameter, stem, tokens


def _squeeze_excite(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    return s.c(y * s.b(F.relu(s.a(y.mean((2, 3), keepdim=True)))).sigmoid())


def _eca(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    gate = s.k(y.mean((2, 3)).unsqueeze(1)).sigmoid().transpose(1, 2).unsqueeze(-1)
    return y * gate.expand_as(y)


def _cbam(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    maps = torch.cat([y.mean(1, keepdim=True), y.max(1, keepdim=True)[0]], 1)
    return y * torch.sigmoid(s.k(maps))


def _coordinates(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    rows, columns = y.mean(3, keepdim=True), y.mean(2, keepdim=True).permute(0, 1, 3, 2)
    both = F.hardswish(s.a(torch.cat([rows, columns], 2)))
    rows, columns = both.split([y.shape[2], y.shape[3]], 2)
    return y * s.b(rows).sigmoid() * s.c(columns.permute(0, 1, 3, 2)).sigmoid()


def _bilinear(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x).flatten(2)
    outer = (y @ y.mT / y.shape[-1]).flatten(1)
    return s.fc(F.normalize(outer.sign() * (outer.abs() + 1e-4).sqrt()))


def _selective(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    paths = torch.stack([F.relu(s.a(y)), F.relu(s.b(y))], 1)
    weights = s.fc(paths.sum(1).mean((2, 3))).view(-1, 2, 16, 1, 1).softmax(1)
    return (paths * weights).sum(1)


def _mixer(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = tokens(s.f(x))
    y = y + s.mix(s.n(y).mT).mT
    return (y + s.fc(F.gelu(s.n(y)))).mean(1)


def _spatial_gate(s: Any, x: torch.Tensor) -> torch.Tensor:
    u, v = s.fc(tokens(s.f(x))).chunk(2, -1)
    return s.fc2(u * s.mix(s.n(v).mT).mT)


def _global_context(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    weights = s.m(y).flatten(2).softmax(-1)
    context = torch.matmul(y.flatten(2).unsqueeze(1), weights.unsqueeze(-1)).view(-1, 16, 1, 1)
    return y + s.t(context)


def _hypernet(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    weight = s.fc(y.mean((0, 2, 3))).view(8, 16, 1, 1)
    return F.conv2d(y, weight)


def _experts(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    gates = s.g(y.mean((2, 3))).softmax(-1)
    outs = torch.stack([s.a(y), s.b(y), s.c(y)], -1)
    return (outs * gates[:, None, None, None, :]).sum(-1)


IDIOMS = {
    "squeeze_excite": idiom(
        _squeeze_excite, f=stem(), a=conv(16, 4, 1), b=conv(4, 16, 1), c=conv(16, 8)
    ),
    "efficient_channel": idiom(_eca, f=stem(), k=lambda: nn.Conv1d(1, 1, 3, padding=1, bias=False)),
    "cbam_spatial": idiom(_cbam, f=stem(), k=conv(2, 1, 7)),
    "coordinate": idiom(
        _coordinates, (32, 48), f=stem(), a=conv(16, 8, 1), b=conv(8, 16, 1), c=conv(8, 16, 1)
    ),
    "bilinear_pooling": idiom(_bilinear, f=stem(8, 4), fc=linear(64, 10)),
    "selective_kernels": idiom(
        _selective, f=stem(), a=conv(16, 16), b=conv(16, 16, 5), fc=linear(16, 32)
    ),
    "mlp_mixer": idiom(
        _mixer, f=stem(16, 4), mix=linear(64, 64), n=lambda: nn.LayerNorm(16), fc=linear(16, 16)
    ),
    "spatial_gating": idiom(
        _spatial_gate,
        f=stem(16, 4),
        fc=linear(16, 32),
        n=lambda: nn.LayerNorm(16),
        mix=linear(64, 64),
        fc2=linear(16, 8),
    ),
    "global_context": idiom(_global_context, f=stem(), m=conv(16, 1, 1), t=conv(16, 16, 1)),
    "hypernetwork": idiom(_hypernet, f=stem(), fc=linear(16, 128)),
    "mixture_of_experts": idiom(
        _experts, f=stem(), g=linear(16, 3), a=conv(16, 8), b=conv(16, 8, 1), c=conv(16, 8, 5)
    ),
    "star_product": idiom(
        lambda s, x: s.c(F.relu6(s.a(y := s.f(x))) * s.b(y)),
        f=stem(),
        a=conv(16, 16),
        b=conv(16, 16),
        c=conv(16, 8),
    ),
    "layer_scale": idiom(
        lambda s, x: (y := s.f(x)) + s.g * s.a(y), f=stem(), a=conv(16, 16), g=parameter(16, 1, 1)
    ),
    "correlation": idiom(
        lambda s, x: (s.a(y := s.f(x)) * s.b(y).roll(1, 3)).sum(1, keepdim=True),
        f=stem(),
        a=conv(16, 16),
        b=conv(16, 16),
    ),
    "bilinear_layer": idiom(
        lambda s, x: s.b(*s.fc(s.f(x).mean((2, 3))).chunk(2, 1)),
        f=stem(),
        fc=linear(16, 16),
        b=lambda: nn.Bilinear(8, 8, 5),
    ),
}
