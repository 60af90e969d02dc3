"""A detector of torchvision is refused in a sentence; its backbone and heads are nets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgeconv.errors import NetRefused
from edgeconv.export.capture.hub import capture
from edgeconv.nets.load import load_net

FACTORIES = """
import torch
from torch import nn
from edgeconv.nets.torchvision_shim import import_torchvision


def detector():
    make = import_torchvision().models.detection.ssdlite320_mobilenet_v3_large
    return make(weights=None, weights_backbone=None)


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.detector = detector()

    def forward(self, x):
        return self.detector.head(list(self.detector.backbone(x).values()))


class Whole(Heads):
    def forward(self, x):
        return self.detector(x)[0]["boxes"]
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "net.py"
    path.write_text(FACTORIES)
    return str(path)


@pytest.mark.parametrize(("factory", "place"), [("detector", "the net"), ("Whole", "detector")])
def test_a_detector_is_refused_with_the_way_out(file: str, factory: str, place: str) -> None:
    net = load_net(f"{file}:{factory}")
    with pytest.raises(NetRefused, match=f"{place} is a detector of torchvision.*head"):
        capture(net.module, torch.zeros(1, 3, 64, 64), name="net")


def test_its_heads_are_a_net(file: str) -> None:
    model = capture(load_net(f"{file}:Heads").module, torch.zeros(1, 3, 64, 64), name="net")
    assert [value.name for value in model.graph.outputs] == ["bbox_regression", "cls_logits"]
