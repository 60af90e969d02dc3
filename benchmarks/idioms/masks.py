"""Comparisons, choices, logic, integers."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from idioms.net import Factory, conv, idiom, linear, parameter, stem


def _of(function: Any) -> Factory:
    """A choice among values on both sides of nought, between two convolutions."""
    return idiom(lambda s, x: s.b(function(s.a(x))), a=conv(3, 8, 3, 2), b=conv(8, 6))


def _checkerboard(y: torch.Tensor) -> torch.Tensor:
    rows, columns = torch.arange(y.shape[2])[:, None], torch.arange(y.shape[3])
    return (rows + columns) % 2 == 0


def _assigned(y: torch.Tensor) -> torch.Tensor:
    y = y.clone()
    y[y < 0] *= 0.2
    return y


IDIOMS = {
    "where_of_values": _of(lambda y: torch.where(y > 0.5, y, y * 0.1)),
    "where_of_scalars": _of(lambda y: torch.where(y > 0, 1.0, -1.0)),
    "where_constant_mask": _of(lambda y: torch.where(_checkerboard(y), y, -y)),
    "masked_fill": _of(lambda y: y.masked_fill(y < -0.1, -0.1)),
    "masked_fill_constant": _of(lambda y: y.masked_fill(_checkerboard(y), 0.0)),
    "comparison_times": _of(lambda y: y * (y > 0.1).float()),
    "comparison_type_as": _of(lambda y: y * (y.abs() >= 0.2).type_as(y)),
    "between": _of(lambda y: y * ((y > -0.3) & (y < 0.3))),
    "logical_not_or": _of(lambda y: y * (~(y > 0.2) | torch.eq(y, 0))),
    "boolean_assignment": _of(_assigned),
    "equal_to_maximum": _of(lambda y: y * (y == y.amax(1, keepdim=True))),
    "heaviside_difference": _of(lambda y: torch.gt(y, 0).to(y) - torch.le(y, -0.2).to(y)),
    "bool_output": idiom(lambda s, x: (s.f(x) > 0.5).any(1), f=stem()),
    "int_output": idiom(lambda s, x: (s.f(x) * 10).to(torch.int32), f=stem()),
    "long_round_trip": _of(lambda y: (y * 4).long().float() / 4),
    "one_hot": idiom(
        lambda s, x: F.one_hot(s.fc(s.f(x).mean((2, 3))).argmax(1), 8).float(),
        f=stem(),
        fc=linear(16, 8),
    ),
    "embedding_of_argmax": idiom(
        lambda s, x: s.table[s.fc(s.f(x).mean((2, 3))).argmax(1)],
        f=stem(),
        fc=linear(16, 8),
        table=parameter(8, 4),
    ),
    "count": idiom(lambda s, x: (s.f(x) > 0.3).sum((2, 3)).float() / 256, f=stem()),
    "hysteresis": _of(lambda y: torch.logical_xor(y > 0, y > 0.3).float() + y),
    "nan_to_num": _of(lambda y: torch.nan_to_num(y / (y.abs() + 0.1))),
    "clamp_min_max": _of(lambda y: torch.clamp(y, -0.3, 0.4)),
    "argsort": idiom(lambda s, x: s.fc(s.f(x).mean((2, 3))).argsort(1), f=stem(), fc=linear(16, 8)),
    "sorted_values": idiom(
        lambda s, x: s.fc(s.f(x).mean((2, 3))).sort(1)[0], f=stem(), fc=linear(16, 8)
    ),
    "argmin": idiom(lambda s, x: s.f(x).flatten(2).argmin(2), f=stem()),
}
