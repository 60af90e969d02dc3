"""Divisions by constants become products."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from tests.helpers.hub import Over, capture_and_compare, operators


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
    assert operators(capture_and_compare(Over(then, nn.Conv2d(3, 4, 1)))) == ["Conv", "Mul"]


@pytest.mark.parametrize(
    "then",
    [
        lambda x: x / (x.abs() + 1),
        lambda x: torch.floor(x / 0.3),  # off by the last place it may be another whole number
    ],
)
def test_other_quotients_stay(then: Callable[[Tensor], Tensor]) -> None:
    assert "Div" in operators(
        capture(Over(then, nn.Conv2d(3, 4, 1)), torch.zeros(1, 3, 8, 8), name="net")
    )
