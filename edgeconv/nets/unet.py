"""U-Net: a contracting path, an expanding one, and skips between them.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
https://arxiv.org/abs/1505.04597, Fig. 1: two 3 x 3 convolutions with ReLU at each of five
resolutions, of 64 channels at the first and twice as many at each below it, no BatchNorm. The
parameter names are this file's own, for nobody publishes weights of the paper's net.

Deviations from the paper: photos have three channels, its microscope images one. With
`padding="symmetric"`, the default, every convolution pads with zeros, so that the logits have the
input's size; where that is no multiple of 16, enlarged maps are padded by a pixel. With `valid`
nothing is padded, as in the paper, and the skips are cut: 572 x 572 pixels give 388 x 388 logits.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.nets.blocks import initialise

_CHANNELS = 64
_DEPTH = 4


def _convolutions(channels: int, out: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, padding=padding),
        nn.ReLU(),
        nn.Conv2d(out, out, 3, padding=padding),
        nn.ReLU(),
    )


class UNet(nn.Module):
    """Four times down and up.

    Args:
        classes: logits of each pixel.
        width: scales every layer's channels.
        padded: whether convolutions pad.
    """

    def __init__(self, classes: int, width: float, padded: bool) -> None:
        super().__init__()
        first = round(_CHANNELS * width)
        widths = [first * 2**level for level in range(_DEPTH + 1)]
        padding = 1 if padded else 0
        self.down = nn.ModuleList(
            _convolutions(before, after, padding)
            for before, after in zip([3, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * channels, channels, 2, stride=2) for channels in widths[-2::-1]
        )
        self.merge = nn.ModuleList(
            _convolutions(2 * channels, channels, padding) for channels in widths[-2::-1]
        )
        self.classifier = nn.Conv2d(first, classes, 1)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes, H, W), unpadded to a smaller map."""
        skips: list[Tensor] = []
        for level, convolutions in enumerate(self.down):
            x = convolutions(x if level == 0 else self.pool(x))
            skips.append(x)
        for enlarge, merge, skip in zip(self.up, self.merge, skips[-2::-1], strict=True):
            x = merge(torch.cat(_matched(skip, enlarge(x)), dim=1))
        logits: Tensor = self.classifier(x)
        return logits


def _matched(skip: Tensor, x: Tensor) -> list[Tensor]:
    """Both maps at one size: the skip cut around its middle, or the other one padded by a pixel."""
    down, right = (int(skip.shape[axis]) - int(x.shape[axis]) for axis in (2, 3))
    if max(down, right) <= 1:
        return [skip, functional.pad(x, (0, right, 0, down)) if down or right else x]
    top, left = down // 2, right // 2
    cut = skip[:, :, top : top + int(x.shape[2]), left : left + int(x.shape[3])]
    return [cut, x]


def unet(classes: int = 2, width: float = 1.0, padding: str = "symmetric") -> UNet:
    """U-Net; `padding` is "symmetric" or "valid" (the paper's)."""
    return UNet(classes, width, padded=padding == "symmetric")
