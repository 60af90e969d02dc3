"""SSDLite is torchvision's up to where non-maximum suppression begins."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from edgeconv.nets.ssdlite import decoded, default_boxes
from tests.nets.catalog.oracle import build, randomised

NAME = "ssdlite320_mobilenet_v3_large"


def theirs(torchvision: ModuleType, classes: int = 7) -> nn.Module:
    make = torchvision.models.detection.ssdlite320_mobilenet_v3_large
    torch.manual_seed(0)
    return randomised(make(weights=None, weights_backbone=None, num_classes=classes))


def before_suppression(torchvision: ModuleType, net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes and scores as torchvision's detector has them before it sorts and filters them."""
    size = (int(x.shape[2]), int(x.shape[3]))
    image_list = torchvision.models.detection.image_list.ImageList
    maps = list(net.backbone(x).values())
    heads = net.head(maps)
    anchors = net.anchor_generator(image_list(x, [size] * len(x)), maps)
    boxes = [
        net.box_coder.decode_single(codes, each)
        for codes, each in zip(heads["bbox_regression"], anchors, strict=True)
    ]
    clipped = torchvision.ops.boxes.clip_boxes_to_image(torch.stack(boxes), size)
    return clipped, heads["cls_logits"].softmax(-1)


@pytest.mark.parametrize("size", [(320, 320), (96, 75), (32, 64)])
def test_a_torchvision_state_dict_gives_the_same_boxes_and_scores(
    size: tuple[int, int], torchvision: ModuleType
) -> None:
    net = theirs(torchvision)
    ours = build(NAME, classes=7)
    ours.load_state_dict(net.state_dict(), strict=True)
    photos = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        boxes, scores = before_suppression(torchvision, net, photos)
        got = ours(photos)
    assert list(got) == ["boxes", "scores"]
    assert got["boxes"].shape == boxes.shape
    assert (got["boxes"] - boxes).abs().max() <= 1e-5 * max(size)
    assert (got["scores"] - scores).abs().max() <= 1e-6


def test_default_boxes_are_torchvisions_at_any_size(torchvision: ModuleType) -> None:
    net = theirs(torchvision)
    sizes = [(20, 14), (10, 7), (5, 4), (3, 2), (2, 1), (1, 1)]
    expected = net.anchor_generator._grid_default_boxes(sizes, [320, 224])
    assert torch.allclose(torch.tensor(list(default_boxes(sizes))), expected, atol=1e-6)


def test_boxes_stay_within_the_image_whatever_the_codes() -> None:
    anchors = torch.tensor(list(default_boxes([(2, 2), (1, 1)])))
    codes = torch.randn(3, len(anchors), 4, generator=torch.Generator().manual_seed(2)) * 1000
    boxes = decoded(codes, anchors, (48, 80))
    assert torch.isfinite(boxes).all()
    assert (boxes >= 0).all()
    assert (boxes <= torch.tensor([80, 48, 80, 48])).all()


def test_codes_of_nothing_are_the_default_boxes() -> None:
    anchors = torch.tensor([[0.5, 0.25, 0.2, 0.1]])
    boxes = decoded(torch.zeros(1, 1, 4), anchors, (100, 200))
    assert torch.allclose(boxes, torch.tensor([[[80.0, 20.0, 120.0, 30.0]]]))
