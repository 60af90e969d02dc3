"""Channel shuffles leave the graph, and what it computes stays."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from edgeconv.graph.view import shape_of
from edgeconv.nets.blocks import channel_shuffle
from edgeconv.nets.shufflenet_v1 import shufflenet_v1
from edgeconv.nets.shufflenet_v2 import ShuffleUnit
from tests.helpers.hub import capture_and_compare, operators, unsettle

CLOSE = 1e-5


class Through(nn.Module):
    """Runs what it is given between two 1 x 1 convolutions."""

    def __init__(self, middle: nn.Module, before: int = 8, after: int = 8) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, before, 1)
        self.middle = middle
        self.last = nn.Conv2d(after, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.middle(self.first(x)))
        return y


class Calls(nn.Module):
    """A function of a tensor, as a module."""

    def __init__(self, function: object, *children: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.inner = nn.ModuleList(children)

    def forward(self, x: Tensor) -> Tensor:
        assert callable(self.function)
        y: Tensor = self.function(x, *self.inner)
        return y


def shuffled(x: Tensor, groups: int = 2) -> Tensor:
    return channel_shuffle(x, groups)


def test_a_shuffle_between_dense_convolutions_costs_nothing() -> None:
    model = capture_and_compare(Through(Calls(shuffled)), bound=CLOSE)
    assert operators(model) == ["Conv", "Conv"]


def test_units_of_shufflenet_v2_copy_what_they_read_and_nothing_else() -> None:
    units = nn.Sequential(ShuffleUnit(8, 24, 2), *(ShuffleUnit(24, 24, 1) for _ in range(3)))
    model = capture_and_compare(unsettle(Through(units, after=24)), (1, 3, 8, 8), CLOSE)
    assert not {"Transpose", "Reshape", "Split"} & set(operators(model))
    joined = [shape_of(node.outputs[0])[1] for node in model.graph if node.op_type == "Concat"]
    assert joined == [12, 12, 12, 24]


def test_a_long_stage_never_joins_more_tensors_than_xnnpack_does() -> None:
    units = nn.Sequential(ShuffleUnit(8, 64, 2), *(ShuffleUnit(64, 64, 1) for _ in range(7)))
    model = capture_and_compare(unsettle(Through(units, after=64)), (1, 3, 4, 4), CLOSE)
    joins = [node for node in model.graph if node.op_type == "Concat"]
    assert max(len(node.inputs) for node in joins) == 5
    assert "Transpose" not in operators(model)


def test_what_stands_between_a_shuffle_and_a_convolution_follows_the_order() -> None:
    between = nn.Sequential(
        Calls(shuffled),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Hardswish(),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
    )
    model = capture_and_compare(unsettle(Through(between)), bound=CLOSE)
    assert "Transpose" not in operators(model)


def test_the_order_is_followed_to_the_classifier() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 1),
        Calls(shuffled),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )
    model = capture_and_compare(net, bound=CLOSE)
    assert operators(model) == ["Conv", "GlobalAveragePool", "Flatten", "Gemm"]


def test_a_gate_follows_the_order_of_what_it_scales() -> None:
    def gated(x: Tensor, down: nn.Module, up: nn.Module) -> Tensor:
        x = shuffled(x)
        scaled: Tensor = x * torch.sigmoid(up(torch.relu(down(x.mean((2, 3), keepdim=True)))))
        return scaled

    middle = Calls(gated, nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1))
    model = capture_and_compare(Through(middle), bound=CLOSE)
    assert "Transpose" not in operators(model)


def test_a_tensor_that_is_added_to_its_own_shuffle_keeps_its_order() -> None:
    model = capture_and_compare(Through(Calls(lambda x: x + shuffled(x))), bound=CLOSE)
    assert "Add" in operators(model)


def test_a_source_that_others_read_too_is_reordered_for_all() -> None:
    def both(x: Tensor, other: nn.Module) -> Tensor:
        joined: Tensor = torch.cat((shuffled(x), other(x)), 1)
        return joined

    middle = Calls(both, nn.Conv2d(8, 4, 3, padding=1))
    model = capture_and_compare(Through(middle, after=12), bound=CLOSE)
    assert operators(model).count("Concat") == 1
    assert "Transpose" not in operators(model)


def test_uneven_splits_steps_and_picks_are_followed() -> None:
    def moved(x: Tensor) -> Tensor:
        a, b = torch.split(shuffled(x, 4), [3, 9], 1)
        c = torch.index_select(b, 1, torch.tensor([8, 0, 0, 5]))
        return torch.cat((b.flip(1)[:, ::2], a, c), 1)

    model = capture_and_compare(Through(Calls(moved), before=12, after=12), bound=CLOSE)
    assert not {"Transpose", "Gather"} & set(operators(model))


def test_a_mirrored_image_is_no_move_of_channels() -> None:
    capture_and_compare(Through(Calls(lambda x: shuffled(x).flip(2))), bound=CLOSE)


def test_a_shuffled_output_has_the_modules_order() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 1), Calls(shuffled))
    model = capture_and_compare(net, bound=CLOSE)
    assert operators(model) == ["Conv"]


def test_a_shuffled_input_is_still_shuffled() -> None:
    net = Calls(lambda x: shuffled(x, 3))
    model = capture_and_compare(net, (1, 48, 2, 2), CLOSE)
    assert "Transpose" in operators(model)


def test_a_shuffle_between_grouped_convolutions_stays() -> None:
    middle = nn.Sequential(
        nn.Conv2d(48, 48, 1, groups=3),
        Calls(lambda x: shuffled(x, 3)),
        nn.Conv2d(48, 8, 1, groups=2),
    )
    model = capture_and_compare(Through(middle, before=48), bound=CLOSE)
    assert operators(model).count("Transpose") == 1


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_first_shufflenet_keeps_its_values(groups: int) -> None:
    model = capture_and_compare(
        unsettle(shufflenet_v1(7, groups=groups, width=0.25)), (1, 3, 32, 32), CLOSE
    )
    # The first 1 x 1 convolution is dense, so it can do the first shuffle itself.
    assert operators(model).count("Transpose") == (0 if groups == 1 else 15)


@pytest.mark.parametrize("seed", range(20))
def test_random_moves_keep_the_values(seed: int) -> None:
    """Split, joined, shuffled, filtered and added at random."""
    capture_and_compare(unsettle(_random_net(seed)), (1, 3, 6, 6), CLOSE)


def _random_net(seed: int) -> nn.Module:
    draw = torch.Generator().manual_seed(seed)

    def pick(count: int) -> int:
        return int(torch.randint(count, (), generator=draw))

    layers: list[nn.Module] = []
    channels = 12
    for _ in range(6):
        kind = pick(7)
        if kind == 0:
            layers.append(nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU()))
        elif kind == 1:
            layers.append(nn.Conv2d(channels, channels, 3, padding=1, groups=channels))
        elif kind == 2:
            layers.append(nn.Conv2d(channels, channels, 1, groups=3))
        elif kind == 3:
            layers.append(nn.BatchNorm2d(channels))
        elif kind == 4:
            layers.append(Calls(lambda x, conv: x + conv(x), nn.Conv2d(channels, channels, 1)))
        elif kind == 5:
            layers.append(Calls(_half_filtered, nn.Conv2d(channels // 2, channels // 2, 1)))
        groups = (2, 3, 4)[pick(3)]
        layers.append(Calls(partial(shuffled, groups=groups)))
    return Through(nn.Sequential(*layers), before=channels, after=channels)


def _half_filtered(x: Tensor, conv: nn.Module) -> Tensor:
    first, second = x.chunk(2, 1)
    return torch.cat((first, torch.relu(conv(second))), 1)
