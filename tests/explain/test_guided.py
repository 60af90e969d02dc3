"""Guided backpropagation against the rule of the paper, applied by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.explain.guided import guided_backpropagation

X = torch.randn(1, 3, 6, 6, generator=torch.Generator().manual_seed(1))


class Rectified(nn.Module):
    """Convolution, rectifier, convolution, rectifier, sum of each channel."""

    def __init__(self, rectify) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 5, 3, padding=1)
        self.rectify = rectify

    def forward(self, x: Tensor) -> Tensor:
        return self.rectify(self.conv2(self.rectify(self.conv1(x)))).sum((2, 3))


def by_hand(net: Rectified, index: int, upper: float = np.inf) -> np.ndarray:
    """Each convolution's transpose, and at each rectifier both conditions of the paper."""
    with torch.no_grad():
        z1 = net.conv1(X)
        z2 = net.conv2(z1.clamp(0, upper))
        gradient = torch.zeros_like(z2)
        gradient[:, index] = 1
        for z, conv in ((z2, net.conv2), (z1, net.conv1)):
            gradient = gradient * (z > 0) * (z < upper) * (gradient > 0)
            gradient = functional.conv_transpose2d(gradient, conv.weight, padding=1)
    return gradient[0].numpy()


@pytest.mark.parametrize(
    "rectify",
    [nn.ReLU(), nn.ReLU(inplace=True), functional.relu, torch.relu, torch.relu_, Tensor.relu],
    ids=["module", "module in place", "functional", "torch", "torch in place", "method"],
)
def test_however_a_net_spells_its_rectifier_the_rule_is_applied(rectify):
    net = Rectified(rectify).eval()
    for index in range(5):
        wanted = by_hand(net, index)
        assert np.allclose(guided_backpropagation(net, X, index), wanted, atol=1e-6)


def test_relu6_blocks_above_six_too():
    net = Rectified(nn.ReLU6()).eval()
    with torch.no_grad():
        net.conv1.weight *= 20
    wanted = by_hand(net, 1, upper=6.0)
    assert np.allclose(guided_backpropagation(net, X, 1), wanted, atol=1e-4)


def test_it_differs_from_the_plain_gradient_where_a_negative_gradient_comes_back():
    net = Rectified(nn.ReLU()).eval()
    photo = X.clone().requires_grad_()
    net(photo)[0, 0].backward()
    assert not np.allclose(guided_backpropagation(net, X, 0), photo.grad[0].numpy(), atol=1e-3)


def test_where_the_rectifier_blocks_everything_nothing_comes_back():
    net = Rectified(nn.ReLU()).eval()
    with torch.no_grad():
        net.conv1.bias -= 100
    assert not guided_backpropagation(net, X, 0).any()
