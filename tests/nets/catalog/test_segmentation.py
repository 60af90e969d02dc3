"""LR-ASPP, DeepLabV3 and FCN are torchvision's; U-Net is its paper's figure."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.errors import UsageError
from edgeconv.nets.agreement import agreed_preprocessing
from edgeconv.nets.registry import find
from tests.nets.catalog.oracle import assert_same_net, build

WITH_AUXILIARY = ["deeplabv3_mobilenet_v3_large", "deeplabv3_resnet50", "fcn_resnet50"]
FROM_TORCHVISION = ["lraspp_mobilenet_v3_large", *WITH_AUXILIARY]


class Out(nn.Module):
    """A segmentation net of torchvision whose logits are its output, and whose keys stay."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        state: dict[str, Any] = self.net.state_dict(*args, **kwargs)
        return state

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)["out"]
        return out


@pytest.mark.parametrize("name", FROM_TORCHVISION)
def test_a_torchvision_state_dict_gives_the_same_logits(name: str, torchvision: ModuleType) -> None:
    make = getattr(torchvision.models.segmentation, name)
    auxiliary = {"aux_loss": True} if name in WITH_AUXILIARY else {}
    theirs = make(weights=None, weights_backbone=None, num_classes=10, **auxiliary)
    assert_same_net(build(name), Out(theirs), size=(65, 48))


@pytest.mark.parametrize("name", [*FROM_TORCHVISION, "unet"])
@pytest.mark.parametrize("size", [(96, 64), (75, 50)])
def test_every_pixel_is_labelled(name: str, size: tuple[int, int]) -> None:
    with torch.device("meta"), torch.inference_mode():
        logits = build(name, classes=7)(torch.zeros(2, 3, *size))
    assert logits.shape == (2, 7, *size)


def figure_1(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """The U-Net paper's Fig. 1, step by step, without padding."""

    def convolved(x: Tensor, name: str) -> Tensor:
        for layer in (0, 2):
            weight, bias = state[f"{name}.{layer}.weight"], state[f"{name}.{layer}.bias"]
            x = functional.relu(functional.conv2d(x, weight, bias))
        return x

    kept = []
    for level in range(4):
        x = convolved(x, f"down.{level}")
        kept.append(x)
        x = functional.max_pool2d(x, 2)
    x = convolved(x, "down.4")
    for step, skip in enumerate(reversed(kept)):
        x = functional.conv_transpose2d(x, state[f"up.{step}.weight"], state[f"up.{step}.bias"], 2)
        top, left = ((skip.shape[axis] - x.shape[axis]) // 2 for axis in (2, 3))
        skip = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        x = convolved(torch.cat([skip, x], 1), f"merge.{step}")
    return functional.conv2d(x, state["classifier.weight"], state["classifier.bias"])


def test_an_unpadded_u_net_is_the_papers_figure_1() -> None:
    torch.manual_seed(0)
    net = build("unet", padding="valid", width=0.0625)
    photo = torch.randn(1, 3, 220, 188)
    with torch.inference_mode():
        expected, got = figure_1(net.state_dict(), photo), net(photo)
    assert expected.shape == (1, 10, 36, 4)
    assert (got - expected).abs().max() <= 1e-6 * expected.abs().max()


def test_u_net_has_the_channels_and_sizes_of_the_papers_figure_1() -> None:
    seen = []
    with torch.device("meta"), torch.inference_mode():
        net = build("unet", classes=2, padding="valid")
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(lambda _, __, y: seen.append((y.shape[1], y.shape[2])))
        net(torch.zeros(1, 3, 572, 572))
    assert seen == [
        *((64, 570), (64, 568), (128, 282), (128, 280), (256, 138), (256, 136)),
        *((512, 66), (512, 64), (1024, 30), (1024, 28)),
        *((512, 54), (512, 52), (256, 102), (256, 100), (128, 198), (128, 196)),
        *((64, 390), (64, 388), (2, 388)),
    ]


def test_padded_and_unpadded_u_nets_agree_where_no_padding_reaches() -> None:
    torch.manual_seed(0)
    padded = build("unet", width=0.0625)
    valid = build("unet", width=0.0625, padding="valid")
    valid.load_state_dict(padded.state_dict(), strict=True)
    photo = torch.randn(1, 3, 220, 220)
    with torch.inference_mode():
        inner = valid(photo)
        # 30 pixels of each side are lost before the last pool, 2 less than its grid's 16 times 2:
        # the padded net sees the photo moved by those.
        moved = padded(functional.pad(photo, (2, 2, 2, 2)))
    start = 92 + 2
    cut = moved[:, :, start : start + 36, start : start + 36]
    assert torch.allclose(cut, inner, atol=1e-5)


def test_unpadded_the_smallest_input_gives_a_map_and_less_is_refused() -> None:
    spec = find("unet")
    options = spec.resolve_options({"padding": "valid"})
    least = spec.minimum_for(options)
    with torch.device("meta"), torch.inference_mode():
        net = build("unet", padding="valid")
        assert net(torch.zeros(1, 3, least, least)).shape[2:] == (4, 4)
        with pytest.raises(RuntimeError):
            net(torch.zeros(1, 3, least - 4, least - 4))
    with pytest.raises(UsageError, match=f"at least {least}"):
        agreed_preprocessing(spec, spec.preprocessing, {}, (least - 1, least - 1), options=options)
