"""Whatever a forward pass wraps around what it computes, the graph holds what it computes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from edgeconv.export.capture.hub import capture
from edgeconv.nets.running import outputs_of
from tests.helpers.hub import run_hub

SHAPE = (1, 3, 12, 12)


class Net(nn.Module):
    """Two convolutions and what a function of the net and its input makes of them."""

    def __init__(self, function: Callable[[Net, Tensor], object]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 6, 3, 2, 1)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(self, x)


def same(net: nn.Module, *names: str) -> None:
    """Asserts that the graph has the outputs of the names, with PyTorch's values."""
    hub = capture(net, torch.zeros(SHAPE), name="net")
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    given = run_hub(hub, x.numpy())
    assert tuple(given) == (names or ("logits",))
    for found, wanted in zip(given.values(), outputs_of(net.eval(), x, "net"), strict=True):
        assert np.abs(found - wanted.numpy()).max() < 2e-6 * max(1, wanted.abs().max())


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(context, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return x * torch.sigmoid(x)


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, by: float) -> Tensor:
        return by * x**3

    @staticmethod
    def setup_context(context, inputs, output) -> None:
        context.by = inputs[1]


@torch.compile
def compiled(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def under_autocast(net: Net, x: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return net.second(F.relu(net.first(x))).float()


@torch.no_grad()
def detached(net: Net, x: Tensor) -> Tensor:
    return net.second(net.first(x).data.clone().detach())


def in_half(net: Net, x: Tensor) -> Tensor:
    return net.second(net.first(x.half()).to(torch.bfloat16)).type(torch.float16)


def in_double(net: Net, x: Tensor) -> Tensor:
    y = net.first(x).double()
    grid = torch.linspace(0, 1, y.shape[-1], dtype=torch.float64)
    return (y * grid + torch.from_numpy(np.arange(6.0))).to(torch.float64)


def of_computed_weights(net: Net, x: Tensor) -> Tensor:
    y = net.first(x)
    weights = {"weight": net.second.weight * 2, "bias": y.mean((0, 2, 3))}
    return torch.func.functional_call(net.second, weights, y)


def of_shapes(net: Net, x: Tensor) -> Tensor:
    y = net.first(x)
    _, channels, height, width = y.shape
    rows = torch.full((height * width,), 2.0).view(1, 1, height, width) / channels
    columns = torch.arange(y.size(-1)) / y.numel() + y.new_full((1,), len(y.size()))
    return y * rows + columns + torch.tensor(y.shape).sum() ** -0.5


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize(
    "function",
    [
        lambda net, x: Swish.apply(net.first(x)),
        lambda net, x: Cube.apply(net.first(x), 0.5),
        lambda net, x: net.second(compiled(net.first(x))),
        lambda net, x: net.second(checkpoint(net.first, x, use_reentrant=False)),
        lambda net, x: net.second(checkpoint(net.first, x, use_reentrant=True)),
        lambda net, x: checkpoint_sequential([net.first, net.second], 2, x, use_reentrant=True),
        *(under_autocast, detached, in_half, in_double, of_shapes, of_computed_weights),
    ],
)
def test_what_it_computes_is_captured(function: Callable[[Net, Tensor], object]) -> None:
    same(Net(function))


class Pair(NamedTuple):
    boxes: Tensor
    scores: Tensor


@dataclass
class Result:
    logits: Tensor
    loss: Tensor | None = None
    features: tuple[Tensor, ...] = ()


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (lambda x, y: Result(x), ["logits"]),
        (lambda x, y: Result(x, None, (x + 1, y)), ["logits", "features_0", "features_1"]),
        (lambda x, y: Pair(x, y), ["boxes", "scores"]),
        (lambda x, y: (x, None, y), ["output_0", "output_2"]),
        (lambda x, y: {"out": x, "aux": None}, ["logits"]),
        (lambda x, y: OrderedDict({0: x, 1: y}), ["output_0", "output_1"]),
        (lambda x, y: {"a": [x, {"b": y}], "c": Result(x + 1)}, ["a_0", "a_1_b", "c_logits"]),
    ],
)
def test_what_it_gives_is_called_by_its_fields(made, names: list[str]) -> None:
    same(Net(lambda net, x: made(y := net.first(x), net.second(y))), *names)


class Defaults(Net):
    def forward(
        self, x: Tensor, targets: Tensor | None = None, *, scale: float = 2.0, **more: float
    ) -> Tensor:
        assert targets is None
        return self.first(x) * scale * more.get("factor", 3.0)


def test_arguments_keep_their_defaults() -> None:
    net = Defaults(lambda net, x: x)
    same(net)
    assert "forward" not in vars(net)


class Grids(nn.Module):
    """Keeps what it made for the size of its last input, as heads of detectors do."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, 2, 1)
        self.grid, self.seen = [torch.empty(0)], None

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        if self.seen != y.shape:
            self.seen = y.shape
            self.grid[0] = torch.arange(y.shape[-1]) + torch.full((y.shape[-2], 1), 0.5)
        return y + self.grid[0]


def test_grids_of_the_inputs_size_are_constants() -> None:
    same(Grids())
