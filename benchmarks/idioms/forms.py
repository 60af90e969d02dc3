"""Forms a module comes in: wrapped, parametrized, scripted, of other precision, in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize
from torch.utils import checkpoint

from idioms.net import conv, idiom, linear, parameter, stem, whole


class _Symmetric(nn.Module):
    def forward(self, w: torch.Tensor) -> torch.Tensor:
        return (w + w.flip(3)) / 2


class _Swish(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(_: Any, grad: torch.Tensor) -> torch.Tensor:
        return grad


@dataclass
class _Result:
    logits: torch.Tensor
    features: torch.Tensor


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] > 4:
            x = F.relu(self.a(x))
        return x + 0.5


def _plain() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 6, 3)
    )


def _parametrized() -> nn.Module:
    layer = nn.Conv2d(8, 6, 3)
    parametrize.register_parametrization(layer, "weight", _Symmetric())
    return layer


def _old_weight_norm() -> nn.Module:
    return nn.utils.weight_norm(nn.Conv2d(8, 6, 3))


def _branches(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    for name in sorted(s.d):
        y = s.d[name](y)
    return sum(layer(y) for layer in s.m)


def _functional(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = F.conv2d(s.f(x), s.w[0] * s.g, s.b, padding=1)
    return F.dropout(y, 0.3, s.training)


def _in_place_input(s: Any, x: torch.Tensor) -> torch.Tensor:
    x.sub_(0.3).div_(0.5)
    return s.b(F.relu_(s.a(x)))


def _stochastic_depth(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.f(x)
    kept = torch.bernoulli(torch.full((y.shape[0], 1, 1, 1), 0.8)) if s.training else 1.0
    return y + kept * s.a(y)


IDIOMS = {
    "weight_norm": idiom(
        lambda s, x: s.b(s.f(x)),
        f=stem(8),
        b=lambda: parametrizations.weight_norm(nn.Conv2d(8, 6, 3)),
    ),
    "weight_norm_old": idiom(lambda s, x: s.b(s.f(x)), f=stem(8), b=_old_weight_norm),
    "spectral_norm": idiom(
        lambda s, x: s.b(s.f(x)),
        f=stem(8),
        b=lambda: parametrizations.spectral_norm(nn.Conv2d(8, 6, 3)),
    ),
    "spectral_norm_old": idiom(
        lambda s, x: s.b(s.f(x)), f=stem(8), b=lambda: nn.utils.spectral_norm(nn.Conv2d(8, 6, 3))
    ),
    "orthogonal": idiom(
        lambda s, x: s.fc(s.f(x).mean((2, 3))),
        f=stem(8),
        fc=lambda: parametrizations.orthogonal(nn.Linear(8, 8)),
    ),
    "own_parametrization": idiom(lambda s, x: s.b(s.f(x)), f=stem(8), b=_parametrized),
    "scripted_part": idiom(
        lambda s, x: s.b(s.f(x)), f=stem(8), b=lambda: torch.jit.script(_Block(8))
    ),
    "traced_part": idiom(
        lambda s, x: s.b(s.f(x)),
        f=stem(8),
        b=lambda: torch.jit.trace(_Block(8).eval(), torch.zeros(1, 8, 16, 16)),
    ),
    "compiled": whole(lambda: torch.compile(_plain())),
    "compiled_part": idiom(lambda s, x: s.b(s.f(x)), f=stem(8), b=lambda: torch.compile(_Block(8))),
    "data_parallel": whole(lambda: nn.DataParallel(_plain())),
    "half": whole(lambda: _plain().half()),
    "double_part": idiom(
        lambda s, x: s.b(s.f(x).double()).float(), f=stem(8), b=lambda: nn.Conv2d(8, 6, 3).double()
    ),
    "graph_module": whole(lambda: torch.fx.symbolic_trace(_plain().eval())),
    "lists_and_dicts": idiom(
        _branches,
        f=stem(8),
        d=lambda: nn.ModuleDict({"b": nn.Conv2d(8, 8, 1), "a": nn.Tanh()}),
        m=lambda: nn.ModuleList(nn.Conv2d(8, 4, k, padding=k // 2) for k in (1, 3, 5)),
    ),
    "shared_module": idiom(
        lambda s, x: s.b(F.relu(s.b(F.relu(s.b(s.f(x)))))), f=stem(8), b=conv(8, 8)
    ),
    "functional_parameters": idiom(
        _functional, f=stem(8), w=parameter(2, 6, 8, 3, 3), g=parameter(6, 1, 1, 1), b=parameter(6)
    ),
    "functional_call": idiom(
        lambda s, x: torch.func.functional_call(
            s.b, {name: 0.5 * value for name, value in s.b.named_parameters()}, s.f(x)
        ),
        f=stem(8),
        b=conv(8, 6),
    ),
    "input_in_place": idiom(_in_place_input, a=conv(3, 8), b=conv(8, 6)),
    "stochastic_depth": idiom(_stochastic_depth, f=stem(8), a=conv(8, 8)),
    "checkpointed": idiom(
        lambda s, x: checkpoint.checkpoint(s.b, s.f(x), use_reentrant=False),
        f=stem(8),
        b=conv(8, 8),
    ),
    "autograd_function": idiom(lambda s, x: s.b(_Swish.apply(s.f(x))), f=stem(8), b=conv(8, 6)),
    "dataclass_output": idiom(
        lambda s, x: vars(_Result(s.fc((y := s.f(x)).mean((2, 3))), y)), f=stem(8), fc=linear(8, 5)
    ),
    "input_as_output": idiom(lambda s, x: (s.b(s.f(x)), x), f=stem(8), b=conv(8, 6)),
    "constant_output": idiom(
        lambda s, x: (s.b(s.f(x)), torch.arange(6.0)), f=stem(8), b=conv(8, 6)
    ),
    "identity_layers": whole(
        lambda: nn.Sequential(nn.Identity(), *_plain(), nn.Dropout2d(), nn.Flatten(), nn.Identity())
    ),
    "lazy_layers": idiom(
        lambda s, x: s.fc(s.f(x).flatten(1)),
        f=stem(8, 8),
        fc=lambda: _materialized(nn.LazyLinear(5), 128),
    ),
    "shape_arithmetic": idiom(
        lambda s, x: (
            F.avg_pool2d(s.f(x), (x.size(2) // 4, int(x.size(3) * 0.25))) * (x.shape[-1] / 32)
        ),
        f=stem(8),
    ),
    "assertions": idiom(
        lambda s, x: (
            s.b(s.f(x)) if x.ndim == 4 and x.shape[1] == 3 and x.is_floating_point() else x
        ),
        f=stem(8),
        b=conv(8, 6),
    ),
}


def _materialized(layer: nn.Module, inputs: int) -> nn.Module:
    layer(torch.zeros(1, inputs))
    return layer
