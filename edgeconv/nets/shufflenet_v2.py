"""ShuffleNetV2 0.5, 1.0, 1.5 and 2.0.

Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design",
https://arxiv.org/abs/1807.11164, Table 5; parameter names are torchvision's.

Deviation from the paper, as in torchvision, whose weights need it: the 2.0 net has 244, 488 and 976
channels as the paper's, its wide 1 x 1 convolution 2048.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgeconv.nets.blocks import channel_shuffle, global_average, initialise

_STEM_CHANNELS = 24
_REPEATS = (4, 8, 4)
_CHANNELS = {  # of stages 2, 3, 4 and of the last convolution
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}


class ShuffleUnit(nn.Module):
    """Half the channels pass, the other half is filtered; strided, both are (Fig. 3 c and d)."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        half = out // 2
        self.stride = stride
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1 = nn.Sequential(*_depthwise(channels, stride), *_pointwise(channels, half))
        self.branch2 = nn.Sequential(
            *_pointwise(channels if stride > 1 else half, half),
            *_depthwise(half, stride),
            *_pointwise(half, half),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        if self.stride == 1:
            passed, filtered = x.chunk(2, dim=1)
        else:
            passed, filtered = self.branch1(x), x
        return channel_shuffle(torch.cat((passed, self.branch2(filtered)), 1), 2)


def _depthwise(channels: int, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False)
    return conv, nn.BatchNorm2d(channels)


def _pointwise(channels: int, out: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()


class ShuffleNetV2(nn.Module):
    """A stem, three stages of shuffle units, a wide 1 x 1 convolution and the classifier."""

    stage2: nn.Sequential
    stage3: nn.Sequential
    stage4: nn.Sequential

    def __init__(self, width: float, classes: int) -> None:
        super().__init__()
        channels = _STEM_CHANNELS
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, channels, 3, 2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        *widths, last = _CHANNELS[width]
        for number, (out, repeats) in enumerate(zip(widths, _REPEATS, strict=True), start=2):
            rest = (ShuffleUnit(out, out, 1) for _ in range(repeats - 1))
            self.add_module(f"stage{number}", nn.Sequential(ShuffleUnit(channels, out, 2), *rest))
            channels = out
        self.conv5 = nn.Sequential(*_pointwise(channels, last))
        self.fc = nn.Linear(last, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        logits: Tensor = self.fc(global_average(x))
        return logits


def shufflenet_v2_x0_5(classes: int = 1000) -> ShuffleNetV2:
    """ShuffleNetV2 0.5."""
    return ShuffleNetV2(0.5, classes)


def shufflenet_v2_x1_0(classes: int = 1000) -> ShuffleNetV2:
    """ShuffleNetV2 1.0."""
    return ShuffleNetV2(1.0, classes)


def shufflenet_v2_x1_5(classes: int = 1000) -> ShuffleNetV2:
    """ShuffleNetV2 1.5."""
    return ShuffleNetV2(1.5, classes)


def shufflenet_v2_x2_0(classes: int = 1000) -> ShuffleNetV2:
    """ShuffleNetV2 2.0."""
    return ShuffleNetV2(2.0, classes)
