"""Average pools that count their padding become depthwise convolutions; others stay."""

from __future__ import annotations

import pytest
from torch import nn

from tests.helpers.hub import capture_and_compare, node_named, operators


def net(pool: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 6, 1), pool, nn.Conv2d(6, 2, 1))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(3, 2, 1), (3, 1, 1), (5, 3, 2), ((1, 3), (2, 1), (0, 1))]
)
def test_a_pool_that_counts_its_padding_is_one_convolution(
    kernel: int, stride: int, padding: int
) -> None:
    model = capture_and_compare(net(nn.AvgPool2d(kernel, stride, padding)))
    assert operators(model) == ["Conv", "Conv", "Conv"]
    assert node_named(model, "1").attributes["group"].as_int() == 6


@pytest.mark.parametrize(
    "pool",
    [
        nn.AvgPool2d(2),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    ],
)
def test_any_other_pool_stays_one(pool: nn.Module) -> None:
    assert "AveragePool" in operators(capture_and_compare(net(pool)))
