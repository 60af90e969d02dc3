"""Views, permutations, splits: what moves values without computing."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from idioms.net import Factory, conv, idiom, linear, stem, tokens


def _of(function: Any, outputs: int = 16) -> Factory:
    return idiom(lambda s, x: s.b(function(s.f(x))), f=stem(), b=conv(outputs, 6))


def _shuffled(y: torch.Tensor) -> torch.Tensor:
    n, c, h, w = y.shape
    return y.view(n, 4, c // 4, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)


def _space_to_depth(y: torch.Tensor) -> torch.Tensor:
    n, c, h, w = y.shape
    y = y.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4)
    return y.reshape(n, c * 4, h // 2, w // 2)


def _merged(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x).permute(0, 2, 3, 1)
    parts = [y[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
    return s.fc(s.n(torch.cat(parts, -1))).permute(0, 3, 1, 2)


def _patches(y: torch.Tensor) -> torch.Tensor:
    n, c, h, w = y.shape
    y = y.reshape(n, c, h // 4, 4, w // 4, 4)
    return torch.einsum("nchpwq->nhwpqc", y).reshape(n, h // 4 * (w // 4), -1)


def _unfolded_conv(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    columns = F.unfold(y, 3, padding=1)
    return (s.fc(columns.mT).mT).view(y.shape[0], 8, *y.shape[2:])


def _folded(y: torch.Tensor) -> torch.Tensor:
    columns = F.unfold(y, 2, stride=2) * 0.5
    return F.fold(columns, y.shape[2:], 2, stride=2)


def _overlapping(y: torch.Tensor) -> torch.Tensor:
    count = F.fold(F.unfold(torch.ones_like(y), 3, padding=1), y.shape[2:], 3, padding=1)
    return F.fold(F.unfold(y, 3, padding=1), y.shape[2:], 3, padding=1) / count


def _local(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    n, c, h, w = y.shape
    windows = F.unfold(y, 3, padding=1).view(n, c, 9, h, w)
    return (windows * s.k(y).softmax(1).unsqueeze(1)).sum(2)


def _back_and_forth(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    t = s.fc(tokens(y)).transpose(1, 2).unflatten(2, y.shape[2:])
    return s.b(torch.cat([y, t], 1))


IDIOMS = {
    "channel_shuffle": _of(_shuffled),
    "channel_shuffle_module": idiom(
        lambda s, x: s.b(s.m(s.f(x))),
        f=stem(),
        m=lambda: nn.ChannelShuffle(4),
        b=conv(16, 6, groups=2),
    ),
    "space_to_depth": _of(_space_to_depth, 64),
    "pixel_unshuffle": _of(lambda y: F.pixel_unshuffle(y, 2), 64),
    "pixel_shuffle": _of(lambda y: F.pixel_shuffle(y, 2), 4),
    "focus": idiom(
        lambda s, x: s.b(
            torch.cat(
                [x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1
            )
        ),
        b=conv(12, 8),
    ),
    "patch_merging": idiom(_merged, f=stem(), n=lambda: nn.LayerNorm(64), fc=linear(64, 32)),
    "patchify_einsum": idiom(lambda s, x: s.fc(_patches(s.f(x))), f=stem(), fc=linear(256, 8)),
    "unfold_linear": idiom(_unfolded_conv, f=stem(), fc=linear(144, 8)),
    "fold_patches": _of(_folded),
    "fold_overlapping": _of(_overlapping),
    "tensor_unfold": idiom(
        lambda s, x: s.f(x).unfold(2, 4, 4).unfold(3, 4, 4).flatten(4).mean(-1), f=stem()
    ),
    "local_filters": idiom(_local, f=stem(), k=conv(16, 9)),
    "tokens_and_map": idiom(_back_and_forth, f=stem(), fc=linear(16, 16), b=conv(32, 6)),
    "transpose_rows_columns": _of(lambda y: y.transpose(2, 3) + y),
    "six_axes": idiom(
        lambda s, x: s.f(x).view(-1, 2, 8, 4, 4, 16).permute(0, 3, 1, 5, 4, 2).flatten(3).mean(1),
        f=stem(),
    ),
    "split_uneven": _of(lambda y: torch.cat(y.split([3, 9, 4], 1)[::-1], 1)),
    "split_many": _of(lambda y: torch.cat([p * (i + 1) for i, p in enumerate(y.chunk(8, 1))], 1)),
    "chunk_with_rest": _of(
        lambda y: torch.cat([c.mean(3, True).expand_as(c) for c in y.chunk(3, 3)], 3)
    ),
    "expand": _of(lambda y: y.mean((2, 3), keepdim=True).expand(-1, -1, 8, 8)),
    "stack_and_sum": _of(lambda y: torch.stack([y, -y, y.abs()], 0).sum(0)),
    "movedim": _of(lambda y: y.movedim(1, -1).swapaxes(1, 2).movedim(-1, 1)),
    "flatten_hwc": idiom(
        lambda s, x: s.fc(s.f(x).permute(0, 2, 3, 1).flatten(1)), f=stem(16, 4), fc=linear(1024, 6)
    ),
    "channels_last_memory": idiom(
        lambda s, x: s.b(s.f(x).contiguous(memory_format=torch.channels_last)),
        f=stem(),
        b=conv(16, 6),
    ),
    "batch_of_parts": idiom(
        lambda s, x: (
            s.b(s.f(x).unflatten(3, (2, 8)).movedim(3, 1).flatten(0, 1))
            .unflatten(0, (-1, 2))
            .mean(1)
        ),
        f=stem(),
        b=conv(16, 6),
    ),
    "nine_joined": _of(lambda y: torch.cat([y[:, :2] * i for i in range(8)], 1)),
    "frames_3d": idiom(
        lambda s, x: s.c(s.f(x).unflatten(1, (4, 4)).transpose(1, 2)).mean(2),
        f=stem(),
        c=lambda: nn.Conv3d(4, 6, 3, padding=1),
    ),
}
