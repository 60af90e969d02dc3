"""What is computed with whole numbers, and asked of reals, is PyTorch's in the hub graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from tests.export.tflite import graphs

SHAPE = (1, 3, 5, 6)


class Net(nn.Module):
    """A function of an image times two."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x * self.factor)


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "//": lambda y: y.int() // 2,
    "// of a tensor": lambda y: y.long() // torch.tensor([-3]),
    "floor_divide": lambda y: torch.floor_divide(y.int(), -3),
    "floor_divide of reals": lambda y: torch.floor_divide(y, 0.7),
    "div, down": lambda y: torch.div(y.int(), 3, rounding_mode="floor"),
    "div, towards zero": lambda y: y.int().div(3, rounding_mode="trunc"),
    "div of reals, down": lambda y: y.div(3, rounding_mode="floor"),
    "%": lambda y: y.int() % -3,
    "fmod": lambda y: torch.fmod(y.int(), 3),
    "isinf": lambda y: torch.isinf(torch.log(y.round().abs())),
    "isfinite": lambda y: torch.isfinite(torch.log(y.round().abs())),
    "isnan": lambda y: torch.isnan(y.log()),
    "nan_to_num": lambda y: torch.nan_to_num(y.sqrt(), nan=-1.0),
    "nan_to_num of infinity": lambda y: torch.nan_to_num(y.round().abs().log(), neginf=-3.0),
    "smallest": lambda y: y.topk(2, 1, largest=False)[0],
    "places of the smallest": lambda y: y.topk(2, 1, largest=False)[1],
    "whole numbers, the smallest": lambda y: y.flatten(1).argsort(1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_hub_gives_what_pytorch_gives(name: str) -> None:
    net = Net(FUNCTIONS[name]).eval()
    model = capture(net, torch.zeros(SHAPE), name="net")
    x = np.random.default_rng(2).normal(size=SHAPE).astype(np.float32) * 3
    with torch.no_grad():
        wanted = net(torch.from_numpy(x)).numpy()
    (given,) = graphs.reference(model, {"input": x}).values()
    assert given.dtype == wanted.dtype
    np.testing.assert_allclose(given, wanted, rtol=1e-6)
