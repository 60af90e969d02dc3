"""The SE nets are timm's legacy ones, which hold the authors' weights."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from edgeconv.nets.senet import SE_RESNET, SENET, SENet
from tests.nets.catalog.oracle import assert_same_net, build

IN_TIMM = {
    "se_resnet50": "legacy_seresnet50",
    "se_resnet101": "legacy_seresnet101",
    "se_resnext50_32x4d": "legacy_seresnext50_32x4d",
    "senet154": "legacy_senet154",
}
DEEP = ("se_resnet101", "senet154")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in DEEP else []) for name in IN_TIMM],
)
def test_a_timm_state_dict_gives_the_same_logits(name: str, timm: ModuleType) -> None:
    theirs = timm.create_model(IN_TIMM[name], num_classes=10)
    assert_same_net(build(name), theirs, size=(64, 48))


@pytest.mark.parametrize("name", IN_TIMM)
def test_every_tensor_has_timms_name_and_shape(name: str, timm: ModuleType) -> None:
    with torch.device("meta"):
        ours = build(name).state_dict()
    theirs = timm.create_model(IN_TIMM[name], num_classes=10, device="meta").state_dict()
    assert {key: tensor.shape for key, tensor in ours.items()} == {
        key: tensor.shape for key, tensor in theirs.items()
    }


def test_a_shallow_senet154_gives_timms_logits(timm: ModuleType) -> None:
    legacy = timm.models.senet
    theirs = legacy.SENet(
        legacy.SEBottleneck,
        (1, 1, 1, 1),
        groups=64,
        reduction=16,
        inplanes=128,
        input_3x3=True,
        downsample_kernel_size=3,
        downsample_padding=1,
        num_classes=10,
    )
    assert_same_net(SENet((1, 1, 1, 1), SENET, 10).eval(), theirs, size=(48, 40))


@pytest.mark.parametrize("size", [(64, 64), (70, 66), (33, 47)])
def test_the_stems_incomplete_windows_count_at_any_size(
    size: tuple[int, int], timm: ModuleType
) -> None:
    legacy = timm.models.senet
    theirs = legacy.SENet(
        legacy.SEResNetBottleneck, (1, 1, 1, 1), groups=1, reduction=16, num_classes=10
    )
    assert_same_net(SENet((1, 1, 1, 1), SE_RESNET, 10).eval(), theirs, size=size)
