"""Concatenations that begin alike are nested, and the values stay."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.helpers.hub import capture_and_compare


class DenseBlock(nn.Module):
    """Every layer reads everything before it, as in DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3 + 2 * i, 2, 3, padding=1) for i in range(5))

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        return torch.cat(features, 1)


class Orders(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        a, b = x * 2, x + 1
        first, second = torch.cat([a, b], 1), torch.cat([b, a, x], 1)
        return torch.cat([first.sigmoid(), second.tanh()], 1)


def test_a_dense_block_concatenates_two_at_a_time() -> None:
    hub = capture_and_compare(DenseBlock())
    assert [len(node.inputs) for node in hub.graph if node.op_type == "Concat"] == [2] * 5


def test_parts_in_another_order_are_left_alone() -> None:
    hub = capture_and_compare(Orders())
    assert 3 in [len(node.inputs) for node in hub.graph if node.op_type == "Concat"]
