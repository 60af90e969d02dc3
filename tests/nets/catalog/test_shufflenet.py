"""ShuffleNetV2 is torchvision's; ShuffleNet follows its paper's tables."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgeconv.nets.blocks import channel_shuffle
from tests.nets.catalog.oracle import assert_same_net, build


@pytest.mark.parametrize("size", ["x0_5", "x1_0", "x1_5", "x2_0"])
def test_a_torchvision_state_dict_gives_the_same_logits(size: str, torchvision: ModuleType) -> None:
    name = f"shufflenet_v2_{size}"
    theirs = getattr(torchvision.models, name)(num_classes=10)
    assert_same_net(build(name), theirs)


@pytest.mark.parametrize("groups", [2, 3, 4])
def test_channel_shuffle_is_pytorchs(groups: int) -> None:
    x = torch.randn(2, 24, 3, 5)
    assert torch.equal(channel_shuffle(x, groups), torch.channel_shuffle(x, groups))


@pytest.mark.parametrize("width", [0.25, 0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("groups", [1, 2, 3, 4, 8])
def test_every_shufflenet_can_be(groups: int, width: float) -> None:
    """Some of the paper's channels do not divide by the groups: the bottleneck is rounded."""
    with torch.device("meta"):
        net = build("shufflenet_v1", groups=groups, width=width)
        assert net(torch.zeros(1, 3, 64, 64)).shape == (1, 10)


def test_stages_have_the_channels_and_sizes_of_the_papers_table_1() -> None:
    expected = {
        1: (144, 288, 576),
        2: (200, 400, 800),
        3: (240, 480, 960),
        4: (272, 544, 1088),
        8: (384, 768, 1536),
    }
    for groups, channels in expected.items():
        sizes = _stage_shapes(groups=groups)
        assert sizes == [
            (1, wide, side, side) for wide, side in zip(channels, (28, 14, 7), strict=True)
        ]


def _stage_shapes(**options: Any) -> list[tuple[int, ...]]:
    shapes: list[tuple[int, ...]] = []
    with torch.device("meta"):
        net = build("shufflenet_v1", **options)
        for number in (2, 3, 4):
            stage = net.get_submodule(f"stage{number}")
            stage.register_forward_hook(lambda *args: shapes.append(tuple(args[2].shape)))
        net(torch.zeros(1, 3, 224, 224))
    return shapes


def test_a_unit_is_the_papers_figure_2() -> None:
    """Fig. 2 b, spelled out: grouped 1 x 1, BN, ReLU, shuffle, depthwise, BN, 1 x 1, BN, add."""
    torch.manual_seed(0)
    net = build("shufflenet_v1", groups=2, width=0.5)
    unit = net.get_submodule("stage3.1")
    x = torch.randn(1, 200, 6, 8)
    with torch.inference_mode():
        y = torch.relu(_normalised(unit, "bn1", _part(unit, "conv1", x)))
        y = torch.channel_shuffle(y, 2)
        y = _normalised(unit, "bn2", _part(unit, "conv2", y))
        y = _normalised(unit, "bn3", _part(unit, "conv3", y))
        assert torch.allclose(unit(x), torch.relu(x + y))


def test_a_strided_unit_joins_what_it_pooled() -> None:
    """Fig. 2 c: the first channels are the 3 x 3 average of the input, stride 2."""
    net = build("shufflenet_v1", groups=3, width=0.5)
    unit = net.get_submodule("stage3.0")
    x = torch.rand(1, 120, 8, 8)
    with torch.inference_mode():
        joined = unit(x)
    assert joined.shape == (1, 240, 4, 4)
    assert torch.allclose(joined[:, :120], nn.functional.avg_pool2d(x, 3, 2, padding=1))
    assert joined.min() == 0.0


def test_only_the_first_convolution_after_the_stem_is_not_grouped() -> None:
    net = build("shufflenet_v1", groups=8)
    groups = [net.get_submodule(f"stage{n}.0.conv1").get_parameter("weight") for n in (2, 3)]
    assert [tuple(weight.shape) for weight in groups] == [(96, 24, 1, 1), (192, 48, 1, 1)]


def _part(unit: nn.Module, name: str, x: Tensor) -> Tensor:
    y: Tensor = unit.get_submodule(name)(x)
    return y


def _normalised(unit: nn.Module, name: str, x: Tensor) -> Tensor:
    norm = unit.get_submodule(name)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    columns = (1, -1, 1, 1)
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return (x - norm.running_mean.view(columns)) * scale.view(columns) + norm.bias.view(columns)
