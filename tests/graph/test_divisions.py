"""Divisions by constants become products."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from tests.helpers.hub import capture_and_compare, operators


class Divided(nn.Module):
    def __init__(self, then: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.conv(x))


@pytest.mark.parametrize(
    "then",
    [
        lambda x: x / 2,
        lambda x: x / 640,
        lambda x: x / torch.tensor([8.0, 8.0, 3.0, 5.0]).view(1, 4, 1, 1),
        lambda x: torch.div(x, -0.7),
    ],
)
def test_a_quotient_by_constants_is_a_product(then: Callable[[Tensor], Tensor]) -> None:
    assert operators(capture_and_compare(Divided(then))) == ["Conv", "Mul"]


@pytest.mark.parametrize(
    "then",
    [
        lambda x: x / (x.abs() + 1),
        lambda x: torch.floor(x / 0.3),  # off by the last place it may be another whole number
    ],
)
def test_other_quotients_stay(then: Callable[[Tensor], Tensor]) -> None:
    assert "Div" in operators(capture(Divided(then), torch.zeros(1, 3, 8, 8), name="net"))
