"""MobileNetV3 is torchvision's, its minimalistic nets are timm's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch

from tests.nets.catalog.oracle import assert_same_net, build


@pytest.mark.parametrize("size", ["large", "small"])
@pytest.mark.parametrize("width", [1.0, 0.5])
def test_a_torchvision_state_dict_gives_the_same_logits(
    size: str, width: float, torchvision: ModuleType
) -> None:
    name = f"mobilenet_v3_{size}"
    theirs = getattr(torchvision.models, name)(width_mult=width, num_classes=10)
    assert_same_net(build(name, width=width), theirs)


@pytest.mark.parametrize("size", ["large", "small"])
def test_a_timm_state_dict_gives_the_same_logits(size: str, timm: ModuleType) -> None:
    theirs = timm.create_model(f"tf_mobilenetv3_{size}_minimal_100", num_classes=10)
    assert_same_net(build(f"mobilenet_v3_{size}_minimalistic", padding="same"), theirs)


@pytest.mark.parametrize("width", [0.5, 0.75, 1.25])
def test_a_minimalistic_net_is_scaled_as_timm_scales_it(width: float, timm: ModuleType) -> None:
    generate = timm.models.mobilenetv3._gen_mobilenet_v3
    theirs = generate("tf_mobilenetv3_small_minimal_100", width, num_classes=10)
    assert_same_net(build("mobilenet_v3_small_minimalistic", width=width), theirs)


def test_same_padding_is_what_timm_has_of_tensorflows_net(timm: ModuleType) -> None:
    theirs = timm.create_model("tf_mobilenetv3_small_100", num_classes=10)
    ours = build("mobilenet_v3_small", padding="same")
    # Both list their tensors in the order of the layers.
    renamed = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
    shapes = {name: tensor.shape for name, tensor in ours.state_dict().items()}
    values = {name: tensor.reshape(shapes[name]) for name, tensor in renamed.items()}
    ours.load_state_dict(values, strict=True)
    photo = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = theirs.eval()(photo)
        assert (ours(photo) - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "mobilenet_v3_large_minimalistic"])
def test_both_paddings_share_the_weights_but_not_the_logits(name: str) -> None:
    options: list[dict[str, Any]] = [{"padding": "symmetric"}, {"padding": "same"}]
    symmetric, same = (build(name, width=0.5, **option) for option in options)
    same.load_state_dict(symmetric.state_dict(), strict=True)
    photo = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert not torch.allclose(symmetric(photo), same(photo), atol=1e-4)
