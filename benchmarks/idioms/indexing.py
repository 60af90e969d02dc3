"""Indexing, gathering, scattering, assignment to slices."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from idioms.net import Factory, conv, idiom, linear, parameter, stem, tokens


def _of(function: Any, outputs: int = 16) -> Factory:
    """Features moved about between two convolutions."""
    return idiom(lambda s, x: s.b(function(s.f(x))), f=stem(), b=conv(outputs, 6))


def _slices(y: torch.Tensor) -> torch.Tensor:
    out = torch.zeros_like(y)
    out[:, :, 1:] = y[:, :, :-1]
    out[:, :4, :, ::2] = y[:, 4:8, :, 1::2]
    return out


def _in_place(y: torch.Tensor) -> torch.Tensor:
    y = y.clone()
    y[:, :8] += y[:, 8:]
    y[:, 8:].mul_(0.5)
    return y


def _halos(y: torch.Tensor) -> torch.Tensor:
    blocks = F.pad(y, (1, 1, 1, 1)).unfold(2, 6, 4).unfold(3, 6, 4)
    return blocks.reshape(len(y), 16, -1, 36).amax(3)


def _shifted(y: torch.Tensor) -> torch.Tensor:
    fold = y.shape[1] // 4
    out = torch.zeros_like(y)
    out[:, :fold, :, :-1] = y[:, :fold, :, 1:]
    out[:, fold : 2 * fold, :, 1:] = y[:, fold : 2 * fold, :, :-1]
    out[:, 2 * fold :] = y[:, 2 * fold :]
    return out


def _top_tokens(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = tokens(s.f(x))
    best = s.fc(y).squeeze(-1).topk(8, 1)[1]
    return y.gather(1, best.unsqueeze(-1).expand(-1, -1, y.shape[2]))


def _codebook(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = tokens(s.f(x))
    apart = (y**2).sum(-1, keepdim=True) - 2 * y @ s.codes.t() + (s.codes**2).sum(1)
    return F.embedding(apart.argmin(-1), s.codes)


def _histogram(s: Any, x: torch.Tensor) -> torch.Tensor:
    """The mean feature of each class that a map of classes names."""
    y = s.f(x)
    best, y = s.h(y).flatten(2).argmax(1, keepdim=True), y.flatten(2)
    counts = y.new_zeros(len(y), 1, 5).scatter_add(2, best, torch.ones_like(y[:, :1]))
    sums = y.new_zeros(len(y), 16, 5).scatter_add(2, best.expand(-1, 16, -1), y)
    return sums / counts.clamp(min=1)


def _part_in_place(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    first, rest = y[:, :4], y.narrow(1, 4, 12)
    first.mul_(2)
    rest[:, ::3] += 0.5
    return y


def _view_in_place(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    y.permute(0, 2, 3, 1)[..., 0].zero_()
    y.view(len(y), 4, 4, -1)[:, 1].clamp_(max=0.5)
    return y


IDIOMS = {
    "index_list": _of(lambda y: y[:, [3, 1, 0, 15, 2, 7]], 6),
    "index_select": _of(lambda y: y.index_select(3, torch.tensor([0, 2, 2, 9, 15]))),
    "two_index_tensors": _of(
        lambda y: y[:, :, torch.arange(16)[:, None], torch.arange(16).flip(0)]
    ),
    "diagonal": idiom(lambda s, x: s.f(x)[:, :, torch.arange(16), torch.arange(16)], f=stem()),
    "overlapping_blocks": idiom(lambda s, x: s.fc(_halos(s.f(x))), f=stem(), fc=linear(16, 4)),
    "strided_slices": _of(lambda y: y[..., ::2, 1::3]),
    "negative_slices": _of(lambda y: y[:, -8:, :-2, -7:-1], 8),
    "newaxis_ellipsis": _of(lambda y: y[:, None, ..., :9].squeeze(1)),
    "last_token": idiom(lambda s, x: s.fc(tokens(s.f(x))[:, -1]), f=stem(), fc=linear(16, 4)),
    "class_token": idiom(
        lambda s, x: s.fc(
            torch.cat([s.token.expand(x.shape[0], -1, -1), tokens(s.f(x))], 1) + s.place
        )[:, 0],
        f=stem(16, 4),
        token=parameter(1, 1, 16),
        place=parameter(1, 65, 16),
        fc=linear(16, 4),
    ),
    "slice_assignment": _of(_slices),
    "slice_in_place": _of(_in_place),
    "temporal_shift": _of(_shifted),
    "flip": _of(lambda y: y.flip(3) + y.flip((1, 2))),
    "roll": _of(lambda y: y.roll((2, -3), (2, 3))),
    "repeat_interleave": _of(lambda y: y.repeat_interleave(2, 3)),
    "tile": _of(lambda y: y.tile(1, 1, 2, 3)),
    "take_along": idiom(
        lambda s, x: torch.take_along_dim(y := s.f(x), y.argsort(2), 2)[:, :, -1], f=stem()
    ),
    "gather_constant": idiom(
        lambda s, x: s.f(x).flatten(2).gather(2, torch.arange(0, 256, 5).expand(1, 16, -1)),
        f=stem(),
    ),
    "top_tokens": idiom(_top_tokens, f=stem(), fc=linear(16, 1)),
    "scatter_constant": idiom(
        lambda s, x: torch.zeros(1, 16, 20).scatter(2, s.i, s.f(x).flatten(2)[:, :, :16]),
        f=stem(),
        i=lambda: torch.arange(0, 16).add(3).expand(1, 16, -1).clone(),
    ),
    "scatter_add": idiom(
        lambda s, x: torch.zeros(1, 16, 4).scatter_add(2, s.i, s.f(x).flatten(2)),
        f=stem(),
        i=lambda: (torch.arange(256) % 4).expand(1, 16, -1).clone(),
    ),
    "histogram": idiom(_histogram, f=stem(), h=conv(16, 5, 1)),
    "groups_summed": idiom(
        lambda s, x: x.new_zeros(len(x), 4, 16, 16).index_add_(1, s.i, s.f(x)),
        f=stem(),
        i=lambda: torch.arange(16) % 4,
    ),
    "part_in_place": idiom(_part_in_place, f=stem()),
    "view_in_place": idiom(_view_in_place, f=stem()),
    "index_put": idiom(
        lambda s, x: (
            (y := s.f(x).clone()).index_put_(
                (torch.tensor([0]), torch.tensor([2])), torch.tensor(0.5)
            )
            + y
        ),
        f=stem(),
    ),
    "upper_triangle": _of(lambda y: y.triu(1) - y.tril(-2)),
    "coordinates": idiom(
        lambda s, x: s.b(
            torch.cat(
                [
                    y := s.f(x),
                    torch.linspace(-1, 1, 16).view(1, 1, 1, 16).expand(y.shape[0], 1, 16, 16),
                ],
                1,
            )
        ),
        f=stem(),
        b=conv(17, 6),
    ),
    "codebook": idiom(_codebook, f=stem(), codes=parameter(12, 16)),
    "relative_positions": idiom(
        lambda s, x: s.f(x).flatten(2) @ s.table[torch.arange(256)[:, None] - torch.arange(4) + 3],
        f=stem(),
        table=parameter(300),
    ),
    "unbind": _of(lambda y: torch.stack(y.unbind(2)[::-1], 2)),
    "boolean_constant_mask": idiom(
        lambda s, x: s.f(x).flatten(2)[:, :, s.kept],
        f=stem(),
        kept=lambda: torch.arange(256) % 3 == 0,
    ),
}
