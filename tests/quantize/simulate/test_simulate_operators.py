"""LiteRT's reference kernels, operator by operator, on the integers they computed themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.quantize.plan.planner import PlanConfig
from edgeconv.quantize.recipe.recipes import quantize
from tests.helpers.simulated import largest_steps
from tests.quantize.nets import SIZE, hub, photos

EXACT = frozenset({"Conv", "Gemm", "MaxPool", "Flatten", "Reshape", "Concat"})


class Net(nn.Module):
    """A convolution, then what is under test."""

    def __init__(self, middle: Callable[[Tensor], Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.before = nn.Conv2d(3, 8, 3, padding=1)
        self.layers = nn.ModuleList(layers)
        self.middle = middle

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        for layer in self.layers:
            x = layer(x)
        return self.middle(x)


def same(x: Tensor) -> Tensor:
    return x


def shuffled(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def attention(x: Tensor) -> Tensor:
    y = x.flatten(2).unflatten(1, (2, 4))
    weights = (y.transpose(-1, -2) @ y).softmax(-1)
    return (y @ weights.transpose(-1, -2)).reshape(x.shape)


NETS: dict[str, Callable[[], nn.Module]] = {
    "strided": lambda: Net(same, nn.Conv2d(8, 6, 3, stride=2, padding=1), nn.ReLU6()),
    "dilated": lambda: Net(same, nn.Conv2d(8, 6, 3, dilation=2, padding=2)),
    "valid": lambda: Net(same, nn.Conv2d(8, 5, (3, 2))),
    "depthwise": lambda: Net(same, nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU()),
    "multiplier": lambda: Net(same, nn.Conv2d(8, 16, 5, 2, 2, groups=8)),
    "grouped": lambda: Net(same, nn.Conv2d(8, 12, 3, padding=1, groups=2)),
    "wide": lambda: Net(same, nn.Conv2d(8, 700, 1), nn.Conv2d(700, 4, 3)),
    "dense": lambda: Net(lambda x: x.flatten(1), nn.MaxPool2d(2)),
    "max_pool": lambda: Net(same, nn.MaxPool2d(3, 2, 1)),
    "max_pool_ceil": lambda: Net(same, nn.MaxPool2d(3, 2, ceil_mode=True)),
    "average_pool": lambda: Net(same, nn.AvgPool2d(2)),
    "average_pool_padded": lambda: Net(same, nn.AvgPool2d(3, 2, 1, count_include_pad=True)),
    "average_pool_same": lambda: Net(same, nn.AvgPool2d(3, 1, 1, count_include_pad=False)),
    "mean": lambda: Net(lambda x: x.mean((2, 3)).flatten(1)),
    "add": lambda: Net(lambda x: x + functional.max_pool2d(x, 3, 1, 1)),
    "add_constant": lambda: Net(lambda x: (x + torch.arange(8.0)[:, None, None]) * 0.7),
    "sub": lambda: Net(lambda x: functional.relu(x - functional.max_pool2d(x, 3, 1, 1))),
    "mul": lambda: Net(lambda x: x * torch.sigmoid(x)),
    "gate": lambda: Net(lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True))),
    "concat": lambda: Net(lambda x: torch.cat([x, functional.max_pool2d(x, 3, 1, 1) * 9], 1)),
    "hardswish": lambda: Net(same, nn.Hardswish()),
    "hardsigmoid": lambda: Net(same, nn.Hardsigmoid()),
    "tanh": lambda: Net(same, nn.Tanh()),
    "leaky": lambda: Net(same, nn.LeakyReLU(0.1)),
    "prelu": lambda: Net(same, nn.PReLU(8)),
    "relu_alone": lambda: Net(lambda x: functional.relu(functional.max_pool2d(x, 2))),
    "softmax": lambda: Net(lambda x: torch.softmax(x.mean((2, 3)), 1)),
    "log_softmax": lambda: Net(lambda x: torch.log_softmax(x.mean((2, 3)), 1)),
    "pad": lambda: Net(same, nn.ZeroPad2d((1, 2, 0, 1))),
    "reflect": lambda: Net(same, nn.ReflectionPad2d(1)),
    "shuffle": lambda: Net(shuffled),
    "pixel_shuffle": lambda: Net(same, nn.PixelShuffle(2)),
    "slices": lambda: Net(lambda x: torch.cat(x.chunk(2, 1)[::-1], 1)[:, :, 1:, ::2]),
    "sorted": lambda: Net(lambda x: torch.take_along_dim(x, x.argsort(3), 3)),
    "largest_rows": lambda: Net(
        lambda x: x.gather(2, x.mean((1, 3)).topk(3)[1][:, None, :, None].expand(-1, 8, -1, SIZE))
    ),
    "table": lambda: Net(
        lambda x: torch.linspace(-2, 3, 40).reshape(8, 5)[x.argmax(1)].permute(0, 3, 1, 2)
    ),
    "nearest": lambda: Net(same, nn.Upsample(scale_factor=2)),
    "bilinear": lambda: Net(same, nn.Upsample(scale_factor=2, mode="bilinear")),
    "transposed": lambda: Net(same, nn.ConvTranspose2d(8, 5, 3, 2, 1, output_padding=1)),
    "maximum": lambda: Net(lambda x: torch.maximum(x, functional.max_pool2d(x, 3, 1, 1) - 1)),
    "abs": lambda: Net(lambda x: x.abs() * 2),
    "square": lambda: Net(lambda x: x**2),
    "product": lambda: Net(lambda x: x @ x.transpose(-1, -2)),
    "product_by_relu": lambda: Net(lambda x: x @ (x - 1).relu()),
    "attention": lambda: Net(attention),
}


class Whole(nn.Module):
    """The net under test, then a layer that takes whatever it gives."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        with torch.no_grad():
            shape = body(torch.zeros(1, 3, SIZE, SIZE)).shape
        features = int(np.prod(shape[1:]))
        self.head = nn.Linear(features, 7) if len(shape) == 2 else nn.Conv2d(shape[1], 7, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


@pytest.mark.parametrize("name", NETS)
def test_reference_kernels_agree_operator_by_operator(name: str, tmp_path: Path) -> None:
    torch.manual_seed(len(name))
    inputs = photos(6)
    planned = quantize(hub(Whole(NETS[name]())), lambda: iter(inputs), PlanConfig())
    steps = largest_steps(planned.model, planned.plan, inputs[:3], tmp_path / "net.tflite")
    assert set(steps) >= {"Conv"}
    for op_type, largest in steps.items():
        assert largest <= (0 if op_type in EXACT else 1), steps
