"""SqueezeNet 1.0 and 1.1.

Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model
size", https://arxiv.org/abs/1602.07360, Table 1 (1.0); 1.1 is the authors' later release with
2.4 times less work. Parameter names are torchvision's.

Deviations from the paper: the first convolution has no padding and the pools round up, as in the
authors' Caffe release and torchvision.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgeconv.nets.blocks import initialise

_POOL = None  # where a stage list has a max-pool instead of a fire module's channels
_Stage = tuple[int, int] | None  # channels of the squeeze and of each half of the expansion
_FIRES_1_0: tuple[_Stage, ...] = (
    *((16, 64),) * 2,
    (32, 128),
    _POOL,
    (32, 128),
    *((48, 192),) * 2,
    (64, 256),
    _POOL,
    (64, 256),
)
_FIRES_1_1: tuple[_Stage, ...] = (
    *((16, 64),) * 2,
    _POOL,
    *((32, 128),) * 2,
    _POOL,
    *((48, 192),) * 2,
    *((64, 256),) * 2,
)


class Fire(nn.Module):
    """Squeeze with 1 x 1, expand with 1 x 1 and 3 x 3 side by side."""

    def __init__(self, channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.squeeze_activation = nn.ReLU()
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand1x1_activation = nn.ReLU()
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)
        self.expand3x3_activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, 2 expand, H, W)."""
        x = self.squeeze_activation(self.squeeze(x))
        halves = (
            self.expand1x1_activation(self.expand1x1(x)),
            self.expand3x3_activation(self.expand3x3(x)),
        )
        return torch.cat(halves, 1)


class SqueezeNet(nn.Module):
    """A convolution, eight fire modules, and a 1 x 1 convolution that scores each pixel."""

    def __init__(self, stem: nn.Conv2d, stages: tuple[_Stage, ...], classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [stem, nn.ReLU(), _pool()]
        channels = stem.out_channels
        for stage in stages:
            if stage is _POOL:
                layers.append(_pool())
                continue
            squeeze, expand = stage
            layers.append(Fire(channels, squeeze, expand))
            channels = 2 * expand
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(channels, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes), none of them negative."""
        return torch.flatten(self.classifier(self.features(x)), 1)


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def squeezenet1_0(classes: int = 1000) -> SqueezeNet:
    """SqueezeNet 1.0, the paper's."""
    return SqueezeNet(nn.Conv2d(3, 96, 7, stride=2), _FIRES_1_0, classes)


def squeezenet1_1(classes: int = 1000) -> SqueezeNet:
    """SqueezeNet 1.1: smaller first kernel, earlier pools."""
    return SqueezeNet(nn.Conv2d(3, 64, 3, stride=2), _FIRES_1_1, classes)
