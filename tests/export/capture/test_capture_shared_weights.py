"""Modules that are called more than once, and not every time with the same things folded in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.export.capture.hub import capture
from tests.helpers.hub import run_hub, unsettle

SHAPE = (1, 3, 12, 12)


class Net(nn.Module):
    """A convolution, then a function of the net and its result."""

    def __init__(
        self, function: Callable[[Net, Tensor], Tensor], **modules: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.function = function
        for name, make in modules.items():
            setattr(self, name, make())

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, self.stem(x))


def conv() -> nn.Module:
    return nn.Conv2d(8, 8, 3, padding=1)


def transposed() -> nn.Module:
    return nn.ConvTranspose2d(8, 8, 3, padding=1)


def norm() -> nn.Module:
    return nn.BatchNorm2d(8)


def linear() -> nn.Module:
    return nn.Linear(12, 12)


def of_one_weight() -> nn.Module:
    pair = nn.ModuleList([conv(), conv()])
    pair[1].weight = pair[0].weight
    return pair


def of_one_bias() -> nn.Module:
    pair = nn.ModuleList([conv(), conv()])
    pair[1].bias = pair[0].bias
    return pair


def rows(x: Tensor) -> Tensor:
    return x.mean(2).reshape(8, 12)


NETS = {
    "scaled once": Net(lambda n, x: n.b(0.7 * n.b(x)), b=conv),
    "BatchNorm at first": Net(lambda n, x: n.b(n.n(n.b(x)).relu()), b=conv, n=norm),
    "BatchNorm at last": Net(lambda n, x: n.n(n.b(n.b(x).relu())), b=conv, n=norm),
    "three uses": Net(lambda n, x: n.b(n.n(n.b(n.m(n.b(x)))).relu()), b=conv, n=norm, m=norm),
    "one BatchNorm": Net(lambda n, x: n.n(n.b(x)) + n.n(n.c(x)), b=conv, c=conv, n=norm),
    "BatchNorm alone": Net(lambda n, x: n.n(n.n(x).relu()), n=norm),
    "transposed": Net(lambda n, x: n.t(n.n(n.t(x))), t=transposed, n=norm),
    "linear": Net(lambda n, x: n.l(n.l(rows(x)) * 0.5) * 0.125 + n.l(rows(x)), l=linear),
    "linear, BatchNorm": Net(
        lambda n, x: n.l(n.n(n.l(rows(x)))), l=linear, n=lambda: nn.BatchNorm1d(12)
    ),
    "linear either way round": Net(
        lambda n, x: rows(x) @ n.l.weight + functional.linear(rows(x), n.l.weight), l=linear
    ),
    "one weight": Net(lambda n, x: n.m[1](n.n(n.m[0](x))), m=of_one_weight, n=norm),
    "one bias": Net(lambda n, x: n.m[1](n.n(n.m[0](x))), m=of_one_bias, n=norm),
    "bias read as a value": Net(
        lambda n, x: n.b(x) + n.b.bias.view(1, -1, 1, 1) + n.n(n.b(x)), b=conv, n=norm
    ),
    "padded once": Net(
        lambda n, x: n.b(functional.pad(x, (1, 0, 0, 1)))[..., 1:, 1:] + n.b(x), b=conv
    ),
    "shuffled": Net(lambda n, x: n.b(functional.channel_shuffle(n.b(x), 2)) + n.b(x), b=conv),
    "pixel shuffle": Net(
        lambda n, x: n.d(functional.pixel_shuffle(n.b(n.b(x)), 2)),
        b=conv,
        d=lambda: nn.Conv2d(2, 8, 3, 2, 1),
    ),
    "one axis": Net(
        lambda n, x: n.c(n.n(n.c(x.mean(2)))),
        c=lambda: nn.Conv1d(8, 8, 3, padding=1),
        n=lambda: nn.BatchNorm1d(8),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_each_call_of_a_module_has_weights_of_its_own(name):
    net = unsettle(NETS[name]).eval()
    model = capture(net, torch.zeros(SHAPE), name="net")
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted = net(x).numpy()
    assert np.abs(run_hub(model, x.numpy())["logits"] - wanted).max() < 2e-6 * max(1, wanted.max())
    for name, value in model.graph.initializers.items():
        assert value.name == name
        assert len(tuple(value.uses())) == 1
