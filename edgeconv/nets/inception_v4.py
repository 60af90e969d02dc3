"""Inception-v4.

Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning",
https://arxiv.org/abs/1602.07261, Figures 3 to 9; parameter names are timm's.

Deviations from the paper: none. Average pools leave their padding out of the mean, as the authors'
framework does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgeconv.nets.blocks import global_average, initialise
from edgeconv.nets.inception_blocks import Concat, ConvBN, chain, pooled

_ROW, _COLUMN = (1, 7), (7, 1)


def average_pool() -> nn.AvgPool2d:
    """3 x 3 at every pixel, the mean over those inside the image."""
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def stem() -> list[nn.Module]:
    """Fig. 3, from the photo to 35 x 35 x 384 features."""
    fork = Concat(
        branch0=nn.Sequential(ConvBN(160, 64), ConvBN(64, 96, 3, valid=True)),
        branch1=nn.Sequential(
            ConvBN(160, 64), ConvBN(64, 64, _ROW), ConvBN(64, 64, _COLUMN), _valid(64, 96)
        ),
    )
    return [
        ConvBN(3, 32, 3, stride=2, valid=True),
        _valid(32, 32),
        ConvBN(32, 64, 3),
        Concat(maxpool=_halve(), conv=ConvBN(64, 96, 3, stride=2, valid=True)),
        fork,
        Concat(conv=ConvBN(192, 192, 3, stride=2, valid=True), maxpool=_halve()),
    ]


def module_a() -> Concat:
    """Fig. 4, on the 35 x 35 grid."""
    return Concat(
        branch0=ConvBN(384, 96),
        branch1=chain(384, (64, 1), (96, 3)),
        branch2=chain(384, (64, 1), (96, 3), (96, 3)),
        branch3=pooled(average_pool(), 384, 96),
    )


def reduction_a() -> Concat:
    """Fig. 7 with Table 1's widths, to the 17 x 17 grid."""
    return Concat(
        branch0=ConvBN(384, 384, 3, stride=2, valid=True),
        branch1=chain(384, (192, 1), (224, 3), (256, 3, 2)),
        branch2=_halve(),
    )


def module_b() -> Concat:
    """Fig. 5, on the 17 x 17 grid."""
    return Concat(
        branch0=ConvBN(1024, 384),
        branch1=chain(1024, (192, 1), (224, _ROW), (256, _COLUMN)),
        branch2=chain(1024, (192, 1), (192, _COLUMN), (224, _ROW), (224, _COLUMN), (256, _ROW)),
        branch3=pooled(average_pool(), 1024, 128),
    )


def reduction_b() -> Concat:
    """Fig. 8, to the 8 x 8 grid."""
    return Concat(
        branch0=chain(1024, (192, 1), (192, 3, 2)),
        branch1=chain(1024, (256, 1), (256, _ROW), (320, _COLUMN), (320, 3, 2)),
        branch2=_halve(),
    )


class ModuleC(nn.Module):
    """Fig. 6, on the 8 x 8 grid, where two branches fork at their ends."""

    def __init__(self) -> None:
        super().__init__()
        self.branch0 = ConvBN(1536, 256)
        self.branch1_0 = ConvBN(1536, 384)
        self.branch1_1a = ConvBN(384, 256, (1, 3))
        self.branch1_1b = ConvBN(384, 256, (3, 1))
        self.branch2_0 = ConvBN(1536, 384)
        self.branch2_1 = ConvBN(384, 448, (3, 1))
        self.branch2_2 = ConvBN(448, 512, (1, 3))
        self.branch2_3a = ConvBN(512, 256, (1, 3))
        self.branch2_3b = ConvBN(512, 256, (3, 1))
        self.branch3 = pooled(average_pool(), 1536, 256)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 1536, H, W) to the same shape."""
        single = self.branch1_0(x)
        double = self.branch2_2(self.branch2_1(self.branch2_0(x)))
        branches = (
            self.branch0(x),
            self.branch1_1a(single),
            self.branch1_1b(single),
            self.branch2_3a(double),
            self.branch2_3b(double),
            self.branch3(x),
        )
        return torch.cat(branches, 1)


class InceptionV4(nn.Module):
    """The stem, fourteen modules in three stages with reductions between, and the classifier."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *stem(),
            *(module_a() for _ in range(4)),
            reduction_a(),
            *(module_b() for _ in range(7)),
            reduction_b(),
            *(ModuleC() for _ in range(3)),
        )
        self.dropout = nn.Dropout(0.2)
        self.last_linear = nn.Linear(1536, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        logits: Tensor = self.last_linear(self.dropout(global_average(self.features(x))))
        return logits


def _valid(channels: int, out: int) -> ConvBN:
    return ConvBN(channels, out, 3, valid=True)


def _halve() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2)


def inception_v4(classes: int = 1000) -> InceptionV4:
    """Inception-v4."""
    return InceptionV4(classes)
