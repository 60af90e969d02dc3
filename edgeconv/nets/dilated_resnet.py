"""Dilated residual networks DRN-A-50 and DRN-C-26, for whole photos or dense prediction.

Yu, Koltun and Funkhouser, "Dilated Residual Networks", https://arxiv.org/abs/1705.09914: DRN-A in
section 2, DRN-C in section 4 and Fig. 5. Both keep an eighth of the input's resolution. DRN-A-50 is
ResNet-50 whose last two stages dilate instead of striding; its parameter names are torchvision's
(`resnet50(replace_stride_with_dilation=[False, True, True])` is the same net). DRN-C-26 replaces
the stem's max-pool by residual blocks and ends in blocks of falling dilation without shortcuts,
against gridding; its parameter names are those of the authors' PyTorch code.

With `dense` the classifier labels every position instead of their average (the paper's section 3):
the same weights give logits (N, classes, H / 8, W / 8).

Deviations from the paper: none but ResNet's own (see `resnet`). The classifier is a 1 x 1
convolution in either mode; a Linear's weight fills it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.nets.blocks import initialise
from edgeconv.nets.published_state import TakesPublishedState
from edgeconv.nets.resnet import BasicBlock, Bottleneck, Middle, ResNetBody

_STEM_CHANNELS = 16
_C_26 = (  # channels, blocks, stride, dilation, shortcuts
    (16, 1, 1, 1, True),
    (32, 1, 2, 1, True),
    (64, 2, 2, 1, True),
    (128, 2, 2, 1, True),
    (256, 2, 1, 2, True),
    (512, 2, 1, 4, True),
    (512, 1, 1, 2, False),
    (512, 1, 1, 1, False),
)


class PlainBlock(BasicBlock):
    """Two 3 x 3 convolutions without a shortcut, which would carry gridding past them."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, width, H, W)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        rectified: Tensor = self.relu2(self.bn2(self.conv2(y)))
        return rectified


class DRNA(TakesPublishedState, ResNetBody):
    """ResNet with bottlenecks whose last two stages dilate."""

    def __init__(self, blocks: tuple[int, ...], classes: int, dense: bool) -> None:
        super().__init__(Bottleneck, blocks, dilated=(3, 4))
        self.fc = nn.Conv2d(self.channels, classes, 1)
        self.dense = dense
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes), or (N, classes, H / 8, W / 8) if dense."""
        return _classified(self.features(x), self.fc, self.dense)


class DRNC(TakesPublishedState):
    """Residual blocks in every stage, the stem's too, and two stages without shortcuts.

    Args:
        stages: channels, blocks, stride, dilation and whether there are shortcuts, for each stage.
        classes: rows of the classifier.
        dense: whether every position is classified.
    """

    def __init__(
        self, stages: tuple[tuple[int, int, int, int, bool], ...], classes: int, dense: bool
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, _STEM_CHANNELS, 7, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(_STEM_CHANNELS)
        self.relu = nn.ReLU()
        channels = _STEM_CHANNELS
        for number, (width, count, stride, dilation, shortcuts) in enumerate(stages, start=1):
            block = BasicBlock if shortcuts else PlainBlock
            middle = Middle(dilation=dilation)
            first = block(channels, width, stride, middle)
            rest = (block(width, width, 1, middle) for _ in range(count - 1))
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
            channels = width
        self.stages = len(stages)
        self.fc = nn.Conv2d(channels, classes, 1)
        self.dense = dense
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes), or (N, classes, H / 8, W / 8) if dense."""
        x = self.relu(self.bn1(self.conv1(x)))
        for number in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return _classified(x, self.fc, self.dense)


def _classified(features: Tensor, fc: nn.Conv2d, dense: bool) -> Tensor:
    if dense:
        labelled: Tensor = fc(features)
        return labelled
    return torch.flatten(fc(functional.adaptive_avg_pool2d(features, 1)), 1)


def drn_a_50(classes: int = 1000, dense: bool = False) -> DRNA:
    """DRN-A-50: ResNet-50 at output stride 8."""
    return DRNA((3, 4, 6, 3), classes, dense)


def drn_c_26(classes: int = 1000, dense: bool = False) -> DRNC:
    """DRN-C-26."""
    return DRNC(_C_26, classes, dense)
