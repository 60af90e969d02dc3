"""What a graph costs, against sums done by hand and against the papers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from edgeconv.graph.metrics import (
    depth,
    multiply_adds,
    node_multiply_adds,
)
from edgeconv.nets.mobilenet_v2 import MobileNetV2
from edgeconv.nets.resnet import resnet50
from edgeconv.nets.squeezenet import squeezenet1_1


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head((x + self.depthwise(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def branches():
    return capture(Branches().eval(), torch.zeros(1, 3, 32, 32), name="branches")


def test_multiply_adds_of_each_layer(branches):
    counted = {n.name: node_multiply_adds(n) for n in branches.graph if node_multiply_adds(n)}
    assert counted == {
        "stem.0": 16 * 16 * 8 * 3 * 3 * 3,
        "depthwise": 16 * 16 * 8 * 3 * 3,
        "head": 8 * 10,
    }
    assert multiply_adds(branches) == sum(counted.values())


def test_depth_is_the_longest_path(branches):
    assert depth(branches) == 3


def test_a_batch_costs_its_size(branches):
    batch = capture(Branches().eval(), torch.zeros(4, 3, 32, 32), name="branches")
    assert multiply_adds(batch) == 4 * multiply_adds(branches)


def test_a_transposed_convolution_counts_by_its_input():
    net = nn.ConvTranspose2d(3, 5, 2, stride=2)
    model = capture(net, torch.zeros(1, 3, 4, 4), name="up")
    assert multiply_adds(model) == 3 * 4 * 4 * 5 * 2 * 2


@pytest.mark.parametrize(
    ("net", "published", "layers"),
    [
        # Sandler et al., arXiv 1801.04381, table 4: 300 M multiply-adds.
        (MobileNetV2, 300e6, 53),
        # torchvision's model page: 4.09 GFLOPS counted as multiply-adds.
        (resnet50, 4.09e9, 50),
        # torchvision's model page: 0.35 GFLOPS counted as multiply-adds.
        (squeezenet1_1, 0.35e9, 18),
    ],
    ids=["mobilenet_v2", "resnet50", "squeezenet1_1"],
)
def test_published_figures(net, published, layers):
    model = capture(net().eval(), torch.zeros(1, 3, 224, 224), name="net")
    assert multiply_adds(model) == pytest.approx(published, rel=0.01)
    assert depth(model) == layers
