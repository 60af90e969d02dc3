"""Attention in the spellings that nets use."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from idioms.net import conv, idiom, linear, parameter, stem, tokens

_SIZE = (32, 32)


def _heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(N, T, C) as (N, heads, T, C / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _joined(x: torch.Tensor) -> torch.Tensor:
    """(N, heads, T, d) as (N, T, heads * d)."""
    return x.transpose(1, 2).flatten(2)


def _three(s: Any, x: torch.Tensor, heads: int = 4) -> tuple[torch.Tensor, ...]:
    q, k, v = s.qkv(tokens(s.f(x))).chunk(3, -1)
    return _heads(q, heads), _heads(k, heads), _heads(v, heads)


def _sdpa(s: Any, x: torch.Tensor, **more: Any) -> torch.Tensor:
    return s.out(_joined(F.scaled_dot_product_attention(*_three(s, x), **more)))


def _by_hand(s: Any, x: torch.Tensor) -> torch.Tensor:
    q, k, v = _three(s, x)
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1)
    return s.out(_joined(weights @ v)).mean(1)


def _einsum(s: Any, x: torch.Tensor) -> torch.Tensor:
    q, k, v = _three(s, x)
    weights = torch.einsum("bhid,bhjd->bhij", q, k).mul(0.35).softmax(dim=-1)
    return s.out(_joined(torch.einsum("bhij,bhjd->bhid", weights, v)))


def _fused(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = tokens(s.f(x))
    count = y.shape[1]
    q, k, v = s.qkv(y).reshape(-1, count, 3, 4, 8).permute(2, 0, 3, 1, 4).unbind(0)
    return s.out(((q * 8**-0.5 @ k.mT).softmax(-1) @ v).transpose(1, 2).reshape(-1, count, 32))


def _linear_attention(s: Any, x: torch.Tensor) -> torch.Tensor:
    q, k, v = _three(s, x)
    q, k = F.relu(q), F.relu(k)
    scale = q @ k.sum(-2, keepdim=True).mT
    return s.out(_joined((q @ (k.mT @ v)) / (scale + 1e-6)))


def _efficientvit(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.qkv2(s.f(x))
    n, _, h, w = y.shape
    q, k, v = y.reshape(n, 4, 24, h * w).chunk(3, 2)
    v = F.pad(v, (0, 0, 0, 1), value=1.0)
    out = v @ (F.relu(k).mT @ F.relu(q))
    return s.out2((out[:, :, :-1] / (out[:, :, -1:] + 1e-5)).reshape(n, 32, h, w))


def _windows(s: Any, x: torch.Tensor, shift: int = 0) -> torch.Tensor:
    y = s.f(x).permute(0, 2, 3, 1)
    if shift:
        y = torch.roll(y, (-shift, -shift), (1, 2))
    n, h, w, c = y.shape
    y = y.view(n, h // 4, 4, w // 4, 4, c).transpose(2, 3).reshape(-1, 16, c)
    q, k, v = (_heads(part, 4) for part in s.qkv(y).chunk(3, -1))
    bias = s.table[s.index.flatten()].view(16, 16, 4).permute(2, 0, 1)
    y = s.out(_joined((q @ k.mT * 8**-0.5 + bias).softmax(-1) @ v))
    y = y.view(n, h // 4, w // 4, 4, 4, c).transpose(2, 3).reshape(n, h, w, c)
    if shift:
        y = torch.roll(y, (shift, shift), (1, 2))
    return y.permute(0, 3, 1, 2)


def _window_index() -> torch.Tensor:
    place = torch.stack(torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")).flatten(1)
    apart = place[:, :, None] - place[:, None] + 3
    return apart[0] * 7 + apart[1]


def _pooled(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = tokens(s.f(x))
    q = s.query.expand(y.shape[0], -1, -1)
    return s.mha(q, y, y, need_weights=False)[0].flatten(1)


def _rotary(s: Any, x: torch.Tensor) -> torch.Tensor:
    q, k, v = _three(s, x)
    angle = torch.arange(q.shape[2])[:, None] * 10000 ** (-torch.arange(0, 8, 2) / 8)
    sine, cosine = (f(angle).repeat_interleave(2, -1) for f in (torch.sin, torch.cos))

    def turned(t: torch.Tensor) -> torch.Tensor:
        halves = torch.stack((-t[..., 1::2], t[..., ::2]), -1).flatten(-2)
        return t * cosine + halves * sine

    return s.out(_joined(F.scaled_dot_product_attention(turned(q), turned(k), v)))


def _cosine(s: Any, x: torch.Tensor) -> torch.Tensor:
    q, k, v = _three(s, x)
    scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT * s.tau.clamp(max=4.6).exp()
    return s.out(_joined(scores.softmax(-1) @ v))


def _channels(s: Any, x: torch.Tensor) -> torch.Tensor:
    q, k, v = (part.mT for part in _three(s, x))
    weights = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT
    return s.out(_joined(((weights * s.tau.exp()).softmax(-1) @ v).mT))


def _non_local(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    theta, phi, g = (part(y).flatten(2) for part in (s.theta, s.phi, s.g))
    out = torch.bmm(torch.softmax(torch.bmm(theta.mT, phi), -1), g.mT).mT
    return y + s.back(out.reshape(y.shape[0], -1, *y.shape[2:]))


def _axial(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x).permute(0, 2, 3, 1)
    rows = F.scaled_dot_product_attention(*s.qkv(y).chunk(3, -1))
    columns = F.scaled_dot_product_attention(*s.qkv(y.transpose(1, 2)).chunk(3, -1))
    return s.out(rows + columns.transpose(1, 2))


def _reduced(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    small = tokens(s.reduce(y))
    q, (k, v) = _heads(s.q(tokens(y)), 4), (_heads(t, 4) for t in s.kv(small).chunk(2, -1))
    return s.out(_joined(F.scaled_dot_product_attention(q, k, v)))


def _multi_query(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = tokens(s.f(x))
    q, kv = _heads(s.q(y), 4), s.kv(y)
    k, v = kv.unsqueeze(1).chunk(2, -1)
    return s.out(_joined(((q @ k.mT) * 8**-0.5).softmax(-1) @ v))


def _talking(s: Any, x: torch.Tensor) -> torch.Tensor:
    q, k, v = _three(s, x)
    weights = s.before(q @ k.mT).softmax(-1)
    return s.out(_joined(s.after(weights) @ v))


def _masked(s: Any, x: torch.Tensor) -> torch.Tensor:
    q, k, v = _three(s, x)
    scores = q @ k.mT
    hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return s.out(_joined(scores.masked_fill(hidden, float("-inf")).softmax(-1) @ v))


def _encoder(**more: Any) -> Any:
    return lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, **more)


_PARTS = {"f": stem(32, 4), "qkv": linear(32, 96), "out": linear(32, 32)}
_WINDOWS = {**_PARTS, "table": parameter(49, 4, scale=0.5), "index": _window_index}

IDIOMS = {
    "sdpa": idiom(_sdpa, _SIZE, **_PARTS),
    "sdpa_scale": idiom(lambda s, x: _sdpa(s, x, scale=0.2), _SIZE, **_PARTS),
    "sdpa_causal": idiom(lambda s, x: _sdpa(s, x, is_causal=True), _SIZE, **_PARTS),
    "sdpa_bias": idiom(
        lambda s, x: _sdpa(s, x, attn_mask=s.bias), _SIZE, **_PARTS, bias=parameter(4, 64, 64)
    ),
    "by_hand": idiom(_by_hand, _SIZE, **_PARTS),
    "einsum": idiom(_einsum, _SIZE, **_PARTS),
    "fused_qkv": idiom(_fused, _SIZE, **_PARTS),
    "masked": idiom(_masked, _SIZE, **_PARTS),
    "linear": idiom(_linear_attention, _SIZE, **_PARTS),
    "relu_linear_padded": idiom(
        _efficientvit, _SIZE, f=stem(32, 4), qkv2=conv(32, 96, 1), out2=conv(32, 32, 1)
    ),
    "windows": idiom(_windows, _SIZE, **_WINDOWS),
    "shifted_windows": idiom(lambda s, x: _windows(s, x, 2), _SIZE, **_WINDOWS),
    "multihead": idiom(
        lambda s, x: s.mha(*[tokens(s.f(x))] * 3)[0],
        _SIZE,
        f=stem(32, 4),
        mha=lambda: nn.MultiheadAttention(32, 4, batch_first=True),
    ),
    "multihead_sequence_first": idiom(
        lambda s, x: s.mha(*[s.f(x).flatten(2).permute(2, 0, 1)] * 3, need_weights=False)[0],
        _SIZE,
        f=stem(32, 4),
        mha=lambda: nn.MultiheadAttention(32, 4),
    ),
    "encoder_layer": idiom(lambda s, x: s.e(tokens(s.f(x))), _SIZE, f=stem(32, 4), e=_encoder()),
    "encoder_prenorm_gelu": idiom(
        lambda s, x: s.e(tokens(s.f(x))).mean(1),
        _SIZE,
        f=stem(32, 4),
        e=_encoder(norm_first=True, activation="gelu"),
    ),
    "decoder_layer": idiom(
        lambda s, x: s.d(s.queries.expand(x.shape[0], -1, -1), tokens(s.f(x))),
        _SIZE,
        f=stem(32, 4),
        queries=parameter(1, 6, 32),
        d=lambda: nn.TransformerDecoderLayer(32, 4, 64, batch_first=True),
    ),
    "pooled": idiom(
        _pooled,
        _SIZE,
        f=stem(32, 4),
        query=parameter(1, 2, 32),
        mha=lambda: nn.MultiheadAttention(32, 4, batch_first=True),
    ),
    "rotary": idiom(_rotary, _SIZE, **_PARTS),
    "cosine": idiom(_cosine, _SIZE, **_PARTS, tau=lambda: nn.Parameter(torch.full((4, 1, 1), 2.3))),
    "cross_covariance": idiom(
        _channels, _SIZE, **_PARTS, tau=lambda: nn.Parameter(torch.ones(4, 1, 1))
    ),
    "non_local": idiom(
        _non_local,
        _SIZE,
        f=stem(32, 4),
        theta=conv(32, 16, 1),
        phi=conv(32, 16, 1),
        g=conv(32, 16, 1),
        back=conv(16, 32, 1),
    ),
    "axial": idiom(_axial, _SIZE, **_PARTS),
    "spatially_reduced": idiom(
        _reduced,
        _SIZE,
        f=stem(32, 4),
        reduce=lambda: nn.Conv2d(32, 32, 2, 2),
        q=linear(32, 32),
        kv=linear(32, 64),
        out=linear(32, 32),
    ),
    "multi_query": idiom(
        _multi_query, _SIZE, f=stem(32, 4), q=linear(32, 32), kv=linear(32, 16), out=linear(32, 32)
    ),
    "talking_heads": idiom(_talking, _SIZE, **_PARTS, before=conv(4, 4, 1), after=conv(4, 4, 1)),
}
