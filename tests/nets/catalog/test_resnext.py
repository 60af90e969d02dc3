"""ResNeXt is torchvision's, and timm's where torchvision lacks it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from edgeconv.nets.resnet import Bottleneck, Middle, ResNet
from tests.nets.catalog.oracle import assert_same_net, build

ALL = ["resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d", "resnext101_64x4d"]
WIDE = [pytest.param(name, marks=pytest.mark.slow) for name in ALL[1:]]


def definition(name: str, torchvision: ModuleType, timm: ModuleType) -> Any:
    """The independent net of that name."""
    if name == "resnext101_32x4d":
        return timm.create_model(name, num_classes=10)
    return getattr(torchvision.models, name)(num_classes=10)


@pytest.mark.parametrize("name", [ALL[0], *WIDE])
def test_an_independent_state_dict_gives_the_same_logits(
    name: str, torchvision: ModuleType, timm: ModuleType
) -> None:
    assert_same_net(build(name), definition(name, torchvision, timm), size=(32, 64))


@pytest.mark.parametrize("name", ALL)
def test_every_tensor_has_its_published_name_and_shape(
    name: str, torchvision: ModuleType, timm: ModuleType
) -> None:
    with torch.device("meta"):
        theirs = definition(name, torchvision, timm).state_dict()
        ours = build(name).state_dict()
    assert {key: tensor.shape for key, tensor in ours.items()} == {
        key: tensor.shape for key, tensor in theirs.items()
    }


@pytest.mark.parametrize(("groups", "channels"), [(32, 4), (32, 8), (64, 4)])
def test_a_shallow_net_of_any_grouping_gives_torchvisions_logits(
    groups: int, channels: int, torchvision: ModuleType
) -> None:
    resnet = torchvision.models.resnet
    theirs = resnet.ResNet(
        resnet.Bottleneck, [1, 1, 1, 1], 10, groups=groups, width_per_group=channels
    )
    ours = ResNet(Bottleneck, (1, 1, 1, 1), 10, Middle(groups, channels)).eval()
    assert_same_net(ours, theirs, size=(32, 64))


def test_groups_are_those_of_the_name() -> None:
    with torch.device("meta"):
        net = build("resnext101_64x4d")
    grouped = [m for m in net.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert {conv.groups for conv in grouped} == {64}
    assert grouped[0].out_channels == 64 * 4


@pytest.mark.parametrize("name", ["resnet50", "resnext50_32x4d"])
def test_float32_keeps_its_digits_through_an_untrained_net(name: str) -> None:
    torch.manual_seed(0)
    net = build(name).train()  # every BatchNorm by its own photos, as an export sets them
    photos = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        single, double = net(photos), net.double()(photos.double())
    assert (single - double).abs().max() <= 1e-5 * double.abs().max()
