"""Inception-ResNet-v2.

Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning",
https://arxiv.org/abs/1602.07261, Figure 15 with the blocks of Figures 16 to 19; parameter names are
timm's.

Deviations from the paper, all of the authors' code and timm, whose weights need them: the stem is
Inception-v3's with one module behind it, not Fig. 3; the residuals are scaled by 0.17, 0.1 and 0.2;
modules come 10, 20 and 10 times, the last without ReLU; and widths are those of that code. For
deployment the scales are folded into the 1 x 1 convolutions they follow.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.nets.blocks import global_average, initialise
from edgeconv.nets.inception_blocks import Concat, ConvBN, chain, pooled
from edgeconv.nets.inception_v4 import average_pool


class ScaledConv2d(nn.Conv2d):
    """A 1 x 1 convolution times a constant, as one convolution with smaller weights."""

    def __init__(self, channels: int, out: int, scale: float) -> None:
        super().__init__(channels, out, 1)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, H, W)."""
        assert self.bias is not None
        return functional.conv2d(x, self.weight * self.scale, self.bias * self.scale)


class Residual(nn.Module):
    """Branches side by side, projected back, scaled and added to what they read."""

    def __init__(
        self, channels: int, scale: float, *, rectified: bool = True, **branches: nn.Module
    ) -> None:
        """Build the block.

        Args:
            channels: in and out.
            scale: of what is added.
            rectified: whether a ReLU follows the sum.
            branches: name -> branch, each of blocks that keep the size.
        """
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)
        self._branches = list(branches)
        self.conv2d = ScaledConv2d(_width(branches), channels, scale)
        self.act = nn.ReLU() if rectified else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        mixed = torch.cat([getattr(self, name)(x) for name in self._branches], 1)
        summed: Tensor = self.act(self.conv2d(mixed) + x)
        return summed


def _width(branches: dict[str, nn.Module]) -> int:
    """Channels of the branches' last convolutions together."""
    last = ([m for m in b.modules() if isinstance(m, nn.Conv2d)][-1] for b in branches.values())
    return sum(conv.out_channels for conv in last)


def block35() -> Residual:
    """Fig. 16, on the 35 x 35 grid."""
    return Residual(
        320,
        0.17,
        branch0=ConvBN(320, 32),
        branch1=chain(320, (32, 1), (32, 3)),
        branch2=chain(320, (32, 1), (48, 3), (64, 3)),
    )


def block17() -> Residual:
    """Fig. 17, on the 17 x 17 grid."""
    return Residual(
        1088,
        0.1,
        branch0=ConvBN(1088, 192),
        branch1=chain(1088, (128, 1), (160, (1, 7)), (192, (7, 1))),
    )


def block8(*, rectified: bool = True) -> Residual:
    """Fig. 19, on the 8 x 8 grid; the last one is scaled by 1 and not rectified."""
    return Residual(
        2080,
        0.2 if rectified else 1.0,
        rectified=rectified,
        branch0=ConvBN(2080, 192),
        branch1=chain(2080, (192, 1), (224, (1, 3)), (256, (3, 1))),
    )


def _mixed_5b() -> Concat:
    return Concat(
        branch0=ConvBN(192, 96),
        branch1=chain(192, (48, 1), (64, 5)),
        branch2=chain(192, (64, 1), (96, 3), (96, 3)),
        branch3=pooled(average_pool(), 192, 64),
    )


def _reduction_a() -> Concat:
    return Concat(
        branch0=ConvBN(320, 384, 3, stride=2, valid=True),
        branch1=chain(320, (256, 1), (256, 3), (384, 3, 2)),
        branch2=nn.MaxPool2d(3, stride=2),
    )


def _reduction_b() -> Concat:
    return Concat(
        branch0=chain(1088, (256, 1), (384, 3, 2)),
        branch1=chain(1088, (256, 1), (288, 3, 2)),
        branch2=chain(1088, (256, 1), (288, 3), (320, 3, 2)),
        branch3=nn.MaxPool2d(3, stride=2),
    )


class InceptionResNetV2(nn.Module):
    """A stem, three stages of residual Inception blocks with reductions between, the classifier."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv2d_1a = ConvBN(3, 32, 3, stride=2, valid=True)
        self.conv2d_2a = ConvBN(32, 32, 3, valid=True)
        self.conv2d_2b = ConvBN(32, 64, 3)
        self.maxpool_3a = nn.MaxPool2d(3, stride=2)
        self.conv2d_3b = ConvBN(64, 80)
        self.conv2d_4a = ConvBN(80, 192, 3, valid=True)
        self.maxpool_5a = nn.MaxPool2d(3, stride=2)
        self.mixed_5b = _mixed_5b()
        self.repeat = nn.Sequential(*(block35() for _ in range(10)))
        self.mixed_6a = _reduction_a()
        self.repeat_1 = nn.Sequential(*(block17() for _ in range(20)))
        self.mixed_7a = _reduction_b()
        self.repeat_2 = nn.Sequential(*(block8() for _ in range(9)))
        self.block8 = block8(rectified=False)
        self.conv2d_7b = ConvBN(2080, 1536)
        self._features = [name for name, _ in self.named_children()]
        self.dropout = nn.Dropout(0.2)
        self.classif = nn.Linear(1536, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        for name in self._features:
            x = getattr(self, name)(x)
        logits: Tensor = self.classif(self.dropout(global_average(x)))
        return logits


def inception_resnet_v2(classes: int = 1000) -> InceptionResNetV2:
    """Inception-ResNet-v2."""
    return InceptionResNetV2(classes)
