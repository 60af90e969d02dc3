"""Xception.

Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions",
https://arxiv.org/abs/1610.02357, Fig. 5; parameter names are those of timm's `legacy_xception`.

Deviation from the paper, as in timm: the max-pools pad by one pixel on every side, where the
author's Keras code pads as TensorFlow's SAME. Both agree on odd sizes; at 299 pixels one of the
four pools sees an even one (74). The paper's two dropouts and optional fully connected layers are
for training alone.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from edgeconv.nets.blocks import global_average, initialise, residual_norm

_MIDDLE = 728


class SeparableConv(nn.Module):
    """3 x 3 depthwise, then 1 x 1, with nothing between them."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, H, W)."""
        y: Tensor = self.pointwise(self.conv1(x))
        return y


class Block(nn.Module):
    """Rectified separable convolutions and a shortcut.

    Args:
        channels: from the block's input to its output, one more than there are convolutions.
        stride: 2 ends the block with a max-pool and projects the shortcut.
        rectify_first: whether the block starts with ReLU; the first gets rectified input.
    """

    def __init__(self, channels: tuple[int, ...], stride: int, rectify_first: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [nn.ReLU(), SeparableConv(before, after), nn.BatchNorm2d(after)]
        layers[-1] = residual_norm(channels[-1])
        if not rectify_first:
            del layers[0]
        if stride > 1:
            layers.append(nn.MaxPool2d(3, stride, padding=1))
            self.skip = nn.Conv2d(channels[0], channels[-1], 1, stride, bias=False)
            self.skipbn = nn.BatchNorm2d(channels[-1])
        self.rep = nn.Sequential(*layers)
        self.projects = stride > 1

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels[0], H, W) to (N, channels[-1], H / stride, W / stride)."""
        y: Tensor = self.rep(x)
        return y + (self.skipbn(self.skip(x)) if self.projects else x)


class Xception(nn.Module):
    """Entry flow, eight middle blocks, exit flow and the classifier."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.act1 = nn.ReLU()
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.act2 = nn.ReLU()
        blocks = [
            Block((64, 128, 128), 2, rectify_first=False),
            Block((128, 256, 256), 2),
            Block((256, _MIDDLE, _MIDDLE), 2),
            *(Block((_MIDDLE,) * 4, 1) for _ in range(8)),
            Block((_MIDDLE, _MIDDLE, 1024), 2),
        ]
        for number, block in enumerate(blocks, start=1):
            self.add_module(f"block{number}", block)
        self.block_count = len(blocks)
        self.conv3 = SeparableConv(1024, 1536)
        self.bn3 = nn.BatchNorm2d(1536)
        self.act3 = nn.ReLU()
        self.conv4 = SeparableConv(1536, 2048)
        self.bn4 = nn.BatchNorm2d(2048)
        self.act4 = nn.ReLU()
        self.fc = nn.Linear(2048, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.act2(self.bn2(self.conv2(x)))
        for number in range(1, self.block_count + 1):
            x = self.get_submodule(f"block{number}")(x)
        x = self.act3(self.bn3(self.conv3(x)))
        x = self.act4(self.bn4(self.conv4(x)))
        logits: Tensor = self.fc(global_average(x))
        return logits


def xception(classes: int = 1000) -> Xception:
    """Xception, as the paper trained it on ImageNet."""
    return Xception(classes)
