"""Pools with arguments that PyTorch and ONNX understand differently, and other such functions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.errors import NetRefused
from edgeconv.export.capture.hub import capture
from edgeconv.graph.view import shape_of
from tests.helpers.hub import operators, run_hub

#: Kernel, stride, padding.
WINDOWS = [
    *((2, 2, 1), (3, 2, 1), (3, 3, 1), (2, 3, 0), (2, 3, 1), (4, 3, 2)),
    ((3, 2), (2, 1), (1, 0)),
    ((2, 3), (2, 2), (1, 0)),
]
SIZES = [(15, 18), (16, 17), (31, 34)]


class Apply(nn.Module):
    """A convolution, then any function; a second output reads the size of the first."""

    def __init__(self, function) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.function = function

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.function(self.conv(x) - 0.5)
        return y, y.reshape(y.shape[0], -1, y.shape[-1]).sum(1)


def compare(function, size=(15, 18)):
    """Captures a function and asserts that the hub gives PyTorch's values and shapes."""
    net = Apply(function).eval()
    model = capture(net, torch.zeros(1, 3, *size), name="net")
    x = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted = net(x)
    got = run_hub(model, x.numpy()).values()
    for value, one, other in zip(model.graph.outputs, got, wanted, strict=True):
        assert shape_of(value) == one.shape == tuple(other.shape)
        assert np.abs(one - other.numpy()).max() < 2e-5 * max(1.0, other.abs().max())
    return model


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("size", SIZES)
def test_a_last_window_in_the_padding_does_not_count(windows, size):
    kernel, stride, padding = windows
    compare(lambda y: functional.max_pool2d(y, kernel, stride, padding, ceil_mode=True), size)
    for counts in (False, True):
        compare(
            lambda y, counts=counts: functional.avg_pool2d(
                y, kernel, stride, padding, ceil_mode=True, count_include_pad=counts
            ),
            size,
        )


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("rounds_up", [False, True])
def test_average_is_divided_by_the_divisor_asked_for(windows, rounds_up):
    model = compare(
        lambda y: functional.avg_pool2d(y, *windows, ceil_mode=rounds_up, divisor_override=5)
    )
    assert "AveragePool" not in operators(model)


FUNCTIONS = {
    "one axis": lambda y: functional.max_pool1d(y.mean(2), 2, 2, 1, ceil_mode=True),
    "average of one axis": lambda y: functional.avg_pool1d(y.mean(2), 2, 3, ceil_mode=True),
    "three axes": lambda y: functional.max_pool3d(y.unsqueeze(1), 2, 2, 1, ceil_mode=True),
    "average of three axes": lambda y: functional.avg_pool3d(
        y.unsqueeze(1), 3, 2, 1, ceil_mode=True, divisor_override=7
    ),
    "no batch": lambda y: functional.max_pool2d(y[0], 2, 3, ceil_mode=True).unsqueeze(0),
    "dilated": lambda y: functional.max_pool2d(y, 3, 3, 1, 2, ceil_mode=True),
    "without stride": lambda y: functional.avg_pool2d(y, 2, divisor_override=3),
    "power": lambda y: functional.lp_pool2d(y, 2, 2, 3, ceil_mode=True),
    "largest magnitude": lambda y: functional.lp_pool2d(y, float("inf"), 2, 3, ceil_mode=True),
    "softplus": lambda y: functional.softplus(y, 2.0, 1.5),
    "cosine": lambda y: functional.cosine_similarity(y[:, :2], y[:, 2:], eps=2.0),
    "distance": lambda y: functional.pairwise_distance(y[:, :2], y[:, 2:], eps=0.5),
    "distance of norm 1": lambda y: functional.pairwise_distance(y[:, :2], y[:, 2:], 1.0),
    "distances of norm 1": lambda y: torch.cdist(y, y.flip(1), 1.0),
    "distances": lambda y: torch.cdist(y, y.flip(1) + 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_argument_is_dropped(name):
    compare(FUNCTIONS[name], (15, 17))


def test_modules_are_taken_like_functions():
    pools = nn.Sequential(
        nn.MaxPool2d(2, 2, 1, ceil_mode=True),
        nn.AvgPool2d(2, 2, 1, ceil_mode=True),
        nn.AvgPool2d(3, 2, divisor_override=4),
        nn.LPPool2d(2, 2, 3, ceil_mode=True),
    )
    compare(pools, (31, 34))


def test_a_size_on_which_both_agree_stays_the_exporters():
    model = compare(lambda y: functional.max_pool2d(y, 3, 2, ceil_mode=True), (14, 14))
    pool = next(node for node in model.graph if node.op_type == "MaxPool")
    assert pool.attributes["ceil_mode"].as_int() == 1


def test_indices_of_such_a_pool_are_refused():
    def pooled(y: Tensor) -> Tensor:
        return functional.max_pool2d(y, 2, 2, 1, ceil_mode=True, return_indices=True)[1].float()

    with pytest.raises(NetRefused, match="leave out ceil_mode or return_indices"):
        compare(pooled)


def test_padding_that_onnxruntime_does_not_take_is_refused():
    with pytest.raises(NetRefused, match="pad the image before it"):
        compare(lambda y: functional.max_pool2d(y, 2, 3, 1, 2, ceil_mode=True), (15, 17))


PADDED = list(product((1, 2), (2, 3, (3, 4)), ("zeros", "reflect", "replicate", "circular")))


@pytest.mark.parametrize(("dilation", "kernel", "mode"), PADDED)
def test_same_padding_is_spelled_out(dilation, kernel, mode):
    conv = nn.Conv2d(4, 4, kernel, padding="same", dilation=dilation, padding_mode=mode)
    model = compare(conv)
    assert not any("auto_pad" in node.attributes for node in model.graph)
