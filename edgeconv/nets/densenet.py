"""DenseNet-BC 121, 161, 169, 201 and 264.

Huang et al., "Densely Connected Convolutional Networks", https://arxiv.org/abs/1608.06993, Table 1;
parameter names are torchvision's.

Deviations from the paper: none in the layers. torchvision has no DenseNet-264; it is Table 1's last
column with growth rate 32, whose layers add up to 265. Each layer joins its output to the features
before it (a concat of two tensors) where torchvision joins all of them anew: the same values, and
concats that a phone's kernels take whatever the depth (XNNPACK joins five tensors at most).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from edgeconv.nets.blocks import global_average, initialise
from edgeconv.nets.published_state import TakesPublishedState

_BOTTLENECK = 4  # channels of a layer's 1 x 1 convolution, in growth rates
_OLD_KEY = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


class DenseLayer(nn.Module):
    """BatchNorm, ReLU, 1 x 1, BatchNorm, ReLU, 3 x 3: the paper's bottleneck layer."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        inner = _BOTTLENECK * growth
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(inner, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, channels + growth, H, W), x first."""
        y = self.conv1(self.relu1(self.norm1(x)))
        y = self.conv2(self.relu2(self.norm2(y)))
        return torch.cat((x, y), 1)


def _transition(channels: int) -> nn.Sequential:
    """Half the channels at half the resolution."""
    layers = {
        "norm": nn.BatchNorm2d(channels),
        "relu": nn.ReLU(),
        "conv": nn.Conv2d(channels, channels // 2, 1, bias=False),
        "pool": nn.AvgPool2d(2),
    }
    return nn.Sequential(OrderedDict(layers))


class DenseNet(TakesPublishedState):
    """A 7 x 7 stem, four dense blocks with transitions between them, and the classifier.

    Args:
        blocks: layers of each dense block.
        growth: channels every layer adds.
        stem: channels of the stem.
        classes: rows of the classifier.
    """

    def __init__(self, blocks: tuple[int, ...], growth: int, stem: int, classes: int) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {
            "conv0": nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False),
            "norm0": nn.BatchNorm2d(stem),
            "relu0": nn.ReLU(),
            "pool0": nn.MaxPool2d(3, stride=2, padding=1),
        }
        channels = stem
        for number, count in enumerate(blocks, start=1):
            block: dict[str, nn.Module] = {}
            for index in range(1, count + 1):
                block[f"denselayer{index}"] = DenseLayer(channels, growth)
                channels += growth
            layers[f"denseblock{number}"] = nn.Sequential(OrderedDict(block))
            if number < len(blocks):
                layers[f"transition{number}"] = _transition(channels)
                channels //= 2
        layers["norm5"] = nn.BatchNorm2d(channels)
        layers["relu5"] = nn.ReLU()
        self.features = nn.Sequential(OrderedDict(layers))
        self.classifier = nn.Linear(channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(global_average(self.features(x)))
        return logits

    def adapted(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors under today's names: torchvision's files say `norm.1` for `norm1`."""
        return super().adapted({_OLD_KEY.sub(r"\1\2.", name): t for name, t in tensors.items()})


def densenet121(classes: int = 1000) -> DenseNet:
    """DenseNet-121 (k = 32)."""
    return DenseNet((6, 12, 24, 16), 32, 64, classes)


def densenet161(classes: int = 1000) -> DenseNet:
    """DenseNet-161 (k = 48)."""
    return DenseNet((6, 12, 36, 24), 48, 96, classes)


def densenet169(classes: int = 1000) -> DenseNet:
    """DenseNet-169 (k = 32)."""
    return DenseNet((6, 12, 32, 32), 32, 64, classes)


def densenet201(classes: int = 1000) -> DenseNet:
    """DenseNet-201 (k = 32)."""
    return DenseNet((6, 12, 48, 32), 32, 64, classes)


def densenet264(classes: int = 1000) -> DenseNet:
    """DenseNet-264 (k = 32)."""
    return DenseNet((6, 12, 64, 48), 32, 64, classes)
