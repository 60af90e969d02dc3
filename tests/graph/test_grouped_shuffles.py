"""Shuffles between grouped convolutions move, and what the graph computes stays."""

from __future__ import annotations

import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn

from edgeconv.graph.view import shape_of
from edgeconv.nets.blocks import channel_shuffle
from edgeconv.nets.shufflenet_v1 import shufflenet_v1
from tests.helpers.hub import capture_and_compare, operators, unsettle

CLOSE = 1e-5


class Between(nn.Module):
    """Grouped, shuffled, filtered, grouped: the middle of a unit, with any numbers of groups."""

    def __init__(self, given: int, shuffled: int, read: int, stride: int, hidden: int = 24) -> None:
        super().__init__()
        self.shuffled = shuffled
        self.first = nn.Conv2d(24, hidden, 1, groups=given)
        self.act = nn.ReLU()
        self.each = nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden)
        self.second = nn.Conv2d(hidden, 24, 1, groups=read)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(self.each(channel_shuffle(self.act(self.first(x)), self.shuffled)))
        return y


def transposed(model: ir.Model) -> list[tuple[int, ...]]:
    found = [node.inputs[0] for node in model.graph if node.op_type == "Transpose"]
    return [shape_of(value) for value in found if value is not None]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("hidden", [12, 24, 60])
def test_a_shuffle_comes_behind_the_stride_in_its_faster_form(hidden: int, stride: int) -> None:
    net = Between(3, 3, 3, stride, hidden)
    model = capture_and_compare(net, (1, 24, 8, 8), CLOSE)
    assert transposed(model) == [(1, hidden // 3, 3, 8 // stride, 8 // stride)]
    after = {1: ["Conv", "Conv"], 2: ["Conv"]}[stride]
    assert operators(model)[-len(after) - 1 :] == ["Reshape", *after]


@pytest.mark.parametrize("given", [2, 3, 4, 24])
@pytest.mark.parametrize("shuffled", [2, 3, 6])
@pytest.mark.parametrize("read", [2, 3, 8])
def test_any_groups_keep_the_values(given: int, shuffled: int, read: int) -> None:
    capture_and_compare(Between(given, shuffled, read, 2), (1, 24, 4, 4), CLOSE)


@pytest.mark.parametrize("groups", [2, 3, 8])
def test_the_first_shufflenet_keeps_its_values(groups: int) -> None:
    net = unsettle(shufflenet_v1(7, groups=groups, width=0.5))
    model = capture_and_compare(net, (1, 3, 64, 64), CLOSE)
    assert max(height for *_, height, _ in transposed(model)) == 8  # of 16 that a stride reads


def test_a_shuffle_that_others_read_stays_where_it_is() -> None:
    class Twice(Between):
        def forward(self, x: Tensor) -> Tensor:
            y = channel_shuffle(self.act(self.first(x)), 3)
            both: Tensor = torch.cat((self.second(self.each(y)), y), 1)
            return both

    model = capture_and_compare(Twice(3, 3, 3, 1), (1, 24, 4, 4), CLOSE)
    assert transposed(model) == [(1, 3, 8, 4, 4)]
