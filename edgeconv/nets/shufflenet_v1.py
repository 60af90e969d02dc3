"""ShuffleNet (the first).

Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices",
https://arxiv.org/abs/1707.01083, Table 1 and Fig. 2.

A net of its own names, in torchvision's style: nobody publishes weights in PyTorch's own formats.

Where the paper leaves a choice, or its channels do not divide:
- the stem at other widths has the channels that give the multiply-adds of the paper's Tables 2 and
  5: 12 at widths 0.25 and 0.5, 24 at 1.5, 48 at 2 (the authors' later release has the same);
- the stem and the bottleneck (a quarter of a unit's output) are rounded to a multiple of the
  groups, so that the grouped convolutions can be; at width 1 that changes nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgeconv.nets.blocks import channel_shuffle, global_average, initialise

_STEM_CHANNELS = {0.25: 12, 0.5: 12, 1.0: 24, 1.5: 24, 2.0: 48}  # by width
_CHANNELS = {  # groups -> of stages 2, 3 and 4
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}
_REPEATS = (4, 8, 4)


class ShuffleUnit(nn.Module):
    """Grouped 1 x 1, shuffle, depthwise 3 x 3, grouped 1 x 1 beside a shortcut (Fig. 2 b and c).

    Strided, the shortcut is an average pool that is joined to the filtered channels, not added.
    """

    def __init__(self, channels: int, out: int, stride: int, *, groups: int, first: int) -> None:
        super().__init__()
        filtered = out if stride == 1 else out - channels
        hidden = _multiple(out / 4, groups)
        self.groups = groups
        self.conv1 = nn.Conv2d(channels, hidden, 1, groups=first, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv3 = nn.Conv2d(hidden, filtered, 1, groups=groups, bias=False)
        self.bn3 = nn.BatchNorm2d(filtered)
        self.shortcut = None if stride == 1 else nn.AvgPool2d(3, stride, padding=1)
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y = self.relu1(self.bn1(self.conv1(x)))
        if self.groups > 1:
            y = channel_shuffle(y, self.groups)
        y = self.bn3(self.conv3(self.bn2(self.conv2(y))))
        if self.shortcut is None:
            added: Tensor = self.relu3(x + y)
            return added
        # What is pooled was rectified before; so the ReLU behind the Concat has these to rectify.
        return torch.cat((self.shortcut(x), self.relu3(y)), 1)


def _multiple(channels: float, of: int) -> int:
    """The multiple nearest to a channel count, at least one."""
    return max(1, int(channels / of + 0.5)) * of


class ShuffleNetV1(nn.Module):
    """A stem, three stages of shuffle units and the classifier."""

    stage2: nn.Sequential
    stage3: nn.Sequential
    stage4: nn.Sequential

    def __init__(self, classes: int, groups: int, width: float) -> None:
        super().__init__()
        channels = _multiple(_STEM_CHANNELS[width], groups)
        self.conv1 = nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        for number, repeats in enumerate(_REPEATS, start=2):
            out = int(_CHANNELS[groups][number - 2] * width)
            # The stem is too narrow for the first 1 x 1 convolution to be grouped (section 3.2).
            first = 1 if number == 2 else groups
            units = [ShuffleUnit(channels, out, 2, groups=groups, first=first)]
            units += [
                ShuffleUnit(out, out, 1, groups=groups, first=groups) for _ in range(repeats - 1)
            ]
            self.add_module(f"stage{number}", nn.Sequential(*units))
            channels = out
        self.fc = nn.Linear(channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.stage4(self.stage3(self.stage2(x)))
        logits: Tensor = self.fc(global_average(x))
        return logits


def shufflenet_v1(classes: int = 1000, groups: int = 3, width: float = 1.0) -> ShuffleNetV1:
    """ShuffleNet with 1, 2, 3, 4 or 8 groups at width 0.25, 0.5, 1, 1.5 or 2."""
    return ShuffleNetV1(classes, groups, width)
