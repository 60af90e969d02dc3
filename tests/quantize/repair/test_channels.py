"""Channels followed through operators: equalization keeps the function wherever it reaches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from edgeconv.graph.view import name_of
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.repair.channels import channel_groups
from edgeconv.quantize.repair.equalize import equalize
from tests.quantize.nets import hub, photos, run_float

Forward = Callable[["Branches", torch.Tensor, torch.Tensor], torch.Tensor]


class Branches(nn.Module):
    """Two branches of uneven channels, joined in some way, and a layer that reads them."""

    def __init__(self, join: Forward, width: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 3, padding=1)
        self.gate = nn.Conv2d(8, 8, 1)
        self.join = join
        self.reader = nn.Conv2d(width, 6, 1)
        with torch.no_grad():
            for layer in (self.left, self.right):
                scales = 10 ** (-1.5 * torch.rand(8))
                layer.weight *= scales.reshape(-1, 1, 1, 1)
                layer.bias *= scales

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = functional.relu(self.left(x)), functional.relu(self.right(x))
        return self.reader(self.join(self, left, right)).mean((2, 3))


def squeeze_excitation(net: Branches, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return left * torch.sigmoid(net.gate(left.mean((2, 3), keepdim=True))) + right


REACHED: dict[str, tuple[Forward, int]] = {
    "concatenation": (lambda _, a, b: torch.cat([a, b], 1), 16),
    "concatenation twice": (lambda _, a, b: torch.cat([torch.cat([a, b], 1), a], 1), 24),
    "addition": (lambda _, a, b: a + b, 8),
    "addition behind a concatenation": (lambda _, a, b: torch.cat([a, b], 1)[:, 4:12] + a, 8),
    "split": (lambda _, a, b: a.chunk(2, 1)[0] + b.chunk(2, 1)[1], 4),
    "slice": (lambda _, a, b: a[:, 2:6] + b[:, ::2], 4),
    "pools": (lambda _, a, b: functional.max_pool2d(a, 2) + functional.avg_pool2d(b, 2), 8),
    "padding": (
        lambda _, a, b: functional.pad(a, (1, 1, 1, 1)) + functional.pad(b, (1, 1, 1, 1)),
        8,
    ),
    "resize": (lambda _, a, b: functional.interpolate(a, scale_factor=2.0), 8),
    "squeeze-excitation": (squeeze_excitation, 8),
    "difference and extremes": (lambda _, a, b: torch.maximum(a - b, b - a), 8),
    "leaky relu": (lambda _, a, b: functional.leaky_relu(a - b, 0.1), 8),
    "scaled by a constant": (lambda _, a, b: a * 0.5 + b, 8),
}
KEPT: dict[str, tuple[Forward, int]] = {
    "hard-swish": (lambda _, a, b: functional.hardswish(a), 8),
    "swish": (lambda _, a, b: functional.silu(a), 8),
    "sigmoid": (lambda _, a, b: torch.sigmoid(a), 8),
    "product": (lambda _, a, b: a * b, 8),
    "gate of no channels": (
        lambda _, a, b: a * (b.mean((0, 2, 3)) * 0.5)[a.mean((0, 2, 3)).argmax() * 2 % 8],
        8,
    ),
    "shifted by a constant": (lambda _, a, b: a + 1.0, 8),
    "root": (lambda _, a, b: torch.sqrt(a + b + 1.0), 8),
}


@pytest.mark.parametrize("name", [*REACHED, *KEPT])
def test_equalization_keeps_the_function(name: str) -> None:
    join, width = {**REACHED, **KEPT}[name]
    model = hub(Branches(join, width))
    repaired = equalize(model, observe(model, photos(6))).model
    reference = run_float(model, photos(6))
    error = np.abs(run_float(repaired, photos(6)) - reference).max()
    assert error <= 2e-6 * np.abs(reference).max()


@pytest.mark.parametrize("name", REACHED)
def test_equalization_evens_the_channels_that_reach_a_reader(name: str) -> None:
    join, width = REACHED[name]
    model = hub(Branches(join, width))
    seen = observe(model, photos(6))
    (reader,) = (node for node in model.graph if node.name == "reader")
    assert reader.inputs[0] is not None
    tensor = name_of(reader.inputs[0])
    assert any(tensor in group.tensors for group in channel_groups(model))
    after = observe(equalize(model, seen).model, photos(6)).tensors[tensor]
    before = seen.tensors[tensor]

    def unevenness(statistics: object) -> float:
        squares = statistics.channel_square  # type: ignore[attr-defined]
        return float(np.log10(squares.max() / np.median(squares[squares > 0])))

    assert unevenness(after) < unevenness(before)


@pytest.mark.parametrize("name", KEPT)
def test_what_nonlinear_operators_read_and_write_keeps_its_scale(name: str) -> None:
    join, width = KEPT[name]
    model = hub(Branches(join, width))
    for group in channel_groups(model):
        for node in model.graph:
            if node.op_type in ("HardSigmoid", "Sigmoid", "HardSwish", "Sqrt"):
                assert name_of(node.outputs[0]) not in group.tensors
    (reader,) = (node for node in model.graph if node.name == "reader")
    assert reader.inputs[0] is not None
    tensor = name_of(reader.inputs[0])
    assert not any(tensor in group.tensors for group in channel_groups(model))


def test_layers_that_share_a_weight_are_left_alone() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.twice = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            once = functional.relu(self.twice(functional.relu(self.first(x))))
            return self.twice(once).mean((2, 3))

    model = hub(Shared())
    repaired = equalize(model, observe(model, photos(4))).model
    reference = run_float(model, photos(4))
    error = np.abs(run_float(repaired, photos(4)) - reference).max()
    assert error <= 2e-6 * np.abs(reference).max()
