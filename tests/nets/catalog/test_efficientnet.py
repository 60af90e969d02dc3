"""EfficientNet is torchvision's, EfficientNet-Lite timm's."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from tests.nets.catalog.oracle import assert_same_net, build

NARROW = [0, 1, 2]
WIDE = [pytest.param(number, marks=pytest.mark.slow) for number in range(3, 8)]


@pytest.mark.parametrize("number", [*NARROW, *WIDE])
def test_a_torchvision_state_dict_gives_the_same_logits(
    number: int, torchvision: ModuleType
) -> None:
    name = f"efficientnet_b{number}"
    theirs = getattr(torchvision.models, name)(num_classes=10)
    assert_same_net(build(name), theirs, size=(32, 64))


@pytest.mark.parametrize("number", range(8))
def test_every_tensor_has_torchvisions_name_and_shape(number: int, torchvision: ModuleType) -> None:
    name = f"efficientnet_b{number}"
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)(num_classes=10).state_dict()
        ours = build(name).state_dict()
    assert {key: tensor.shape for key, tensor in ours.items()} == {
        key: tensor.shape for key, tensor in theirs.items()
    }


@pytest.mark.parametrize(
    "number", [0, 2, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 3, 4))]
)
@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_a_timm_state_dict_gives_the_same_logits(
    number: int, padding: str, timm: ModuleType
) -> None:
    name = f"efficientnet_lite{number}"
    theirs = timm.create_model(f"tf_{name}" if padding == "same" else name, num_classes=10)
    assert_same_net(build(name, padding=padding), theirs, size=(32, 64))


def test_same_padding_is_what_timm_has_of_tensorflows_net(timm: ModuleType) -> None:
    theirs = timm.create_model("tf_efficientnet_b0", num_classes=10)
    ours = build("efficientnet_b0", padding="same")
    # Both list their tensors in the order of the layers.
    ours.load_state_dict(
        dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)), strict=True
    )
    photo = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = theirs.eval()(photo)
        assert (ours(photo) - expected).abs().max() <= 1e-5 * expected.abs().max()
