"""Reductions, along one axis and several."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from idioms.net import Factory, conv, idiom, linear, stem


def _of(function: Any, inputs: int = 16) -> Factory:
    """Features reduced to a vector before a classifier."""
    return idiom(lambda s, x: s.fc(function(s.a(x))), a=conv(3, 16, 3, 2), fc=linear(inputs, 6))


def _statistics(y: torch.Tensor) -> torch.Tensor:
    return torch.cat([y.mean((2, 3)), y.std((2, 3)), y.amax((2, 3)), y.amin((2, 3))], 1)


IDIOMS = {
    "logsumexp": _of(lambda y: torch.logsumexp(y, (2, 3))),
    "log_mean_exp": _of(lambda y: (y * 2).exp().mean((2, 3)).log() / 2),
    "product": _of(lambda y: (1 + 0.1 * y.mean(3)).prod(2)),
    "variance": _of(lambda y: y.var((2, 3))),
    "variance_biased": _of(lambda y: torch.var(y, dim=(2, 3), correction=0)),
    "statistics_pooling": _of(_statistics, 64),
    "variance_and_mean": _of(lambda y: torch.cat(torch.var_mean(y, (2, 3)), 1), 32),
    "norm_1": _of(lambda y: y.norm(p=1, dim=(2, 3)) / 64),
    "norm_2": _of(lambda y: torch.linalg.vector_norm(y, dim=(2, 3))),
    "norm_infinity": _of(lambda y: torch.linalg.vector_norm(y, float("inf"), (2, 3))),
    "sum_of_squares": _of(lambda y: y.square().sum((2, 3)) / 64),
    "generalized_mean": _of(lambda y: y.clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3)),
    "lp_pool": _of(lambda y: F.lp_pool2d(F.relu(y) + 0.1, 2, 16).flatten(1)),
    "max_of_axis": _of(lambda y: y.max(3)[0].mean(2)),
    "min_of_axis": _of(lambda y: y.min(2).values.mean(2)),
    "cumulative_sum": _of(lambda y: y.mean(3).cumsum(2)[..., -4:].mean(2)),
    "cumulative_sum_output": idiom(lambda s, x: s.f(x).cumsum(3), f=stem()),
    "cumulative_product": _of(lambda y: (1 + 0.05 * y.mean(3)).cumprod(2)[..., -1]),
    "mean_of_channels": idiom(
        lambda s, x: s.b(s.f(x).mean(1, keepdim=True)), f=stem(), b=conv(1, 4)
    ),
    "mean_of_all": idiom(lambda s, x: s.f(x).mean(), f=stem()),
    "first_of_sorted": _of(lambda y: y.flatten(2).sort(-1, descending=True)[0][..., :8].mean(-1)),
    "median": _of(lambda y: y.flatten(2).median(-1)[0]),
    "kth_value": _of(lambda y: y.flatten(2).kthvalue(200, -1)[0]),
    "top_k_mean": _of(lambda y: y.flatten(2).topk(5, -1)[0].mean(-1)),
    "kurtosis": _of(lambda y: ((y - y.mean((2, 3), True)) ** 4).mean((2, 3))),
    "entropy": _of(lambda y: -(p := y.flatten(2).softmax(-1)).mul((p + 1e-9).log()).sum(-1)),
    "log_softmax_rows": idiom(lambda s, x: F.log_softmax(s.f(x), dim=2), f=stem()),
    "attention_mean": _of(
        lambda y: (y * y.mean(1, True).flatten(2).softmax(2).view(1, 1, 16, 16)).sum((2, 3))
    ),
}
