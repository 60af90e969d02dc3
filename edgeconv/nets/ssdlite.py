"""SSDLite on MobileNetV3-Large: boxes and scores at every default box of six maps.

Liu et al., "SSD: Single Shot MultiBox Detector", https://arxiv.org/abs/1512.02325, section 2, with
the depthwise heads of Sandler et al., https://arxiv.org/abs/1801.04381, section 6.2, on the
backbone of Howard et al., https://arxiv.org/abs/1905.02244, section 6.3; parameter names are
torchvision's.

The net ends where an app's non-maximum suppression begins: boxes are decoded and cut to the image,
scores went through the softmax. torchvision's own detector does the same and then sorts and filters
by values, which no static graph holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from edgeconv.nets.blocks import conv_bn_act, initialise
from edgeconv.nets.mobilenet_v3 import EPSILON, InvertedResidual, large_backbone

_C4 = 13  # the layer whose expansion ends the first map
_C4_CHANNELS = 672
_BACKBONE_CHANNELS = 480
_EXTRA_CHANNELS = (512, 256, 256, 128)

_SMALLEST, _LARGEST = 0.2, 0.95
"""Sides of the square default boxes of the first and the last map, as shares of the image."""
_RATIOS = (2, 3)
ANCHORS = 2 + 2 * len(_RATIOS)
"""Default boxes at each place of a map: two squares, and each ratio both ways."""

_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2
_MOST_GROWTH = math.log(1000 / 16)
"""Largest logarithm of a box's side over its default box's; torchvision's."""


class Extractor(nn.Module):
    """The backbone, cut inside its last stage, and four blocks that each halve the map."""

    def __init__(self) -> None:
        super().__init__()
        layers = list(large_backbone(reduced=True))
        block = cast("InvertedResidual", layers[_C4]).block
        self.features = nn.Sequential(
            nn.Sequential(*layers[:_C4], block[0]),
            nn.Sequential(block[1:], *layers[_C4 + 1 :]),
        )
        channels = (_BACKBONE_CHANNELS, *_EXTRA_CHANNELS)
        self.extra = nn.ModuleList(
            _halving(before, after)
            for before, after in zip(channels, _EXTRA_CHANNELS, strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to six maps, from a sixteenth of the resolution on."""
        maps = []
        for block in (*self.features, *self.extra):
            x = block(x)
            maps.append(x)
        return maps


def _halving(channels: int, out: int) -> nn.Sequential:
    inner = out // 2
    return nn.Sequential(
        conv_bn_act(channels, inner, 1, epsilon=EPSILON),
        conv_bn_act(inner, inner, stride=2, groups=inner, epsilon=EPSILON),
        conv_bn_act(inner, out, 1, epsilon=EPSILON),
    )


class Scoring(nn.Module):
    """A separable convolution on each map, with some columns for each default box."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.columns = columns
        self.module_list = nn.ModuleList(
            nn.Sequential(
                conv_bn_act(channels, channels, groups=channels, epsilon=EPSILON),
                nn.Conv2d(channels, ANCHORS * columns, 1),
            )
            for channels in (_C4_CHANNELS, _BACKBONE_CHANNELS, *_EXTRA_CHANNELS)
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map six maps to (N, boxes, columns): rows of places first, then columns, then boxes."""
        rows = []
        for layers, x in zip(self.module_list, maps, strict=True):
            y = layers(x).permute(0, 2, 3, 1)
            rows.append(y.reshape(int(x.shape[0]), -1, self.columns))
        return torch.cat(rows, dim=1)


class Head(nn.Module):
    """What each default box shows, and how far its object's box lies from it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classification_head = Scoring(classes)
        self.regression_head = Scoring(4)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Map six maps to codes (N, boxes, 4) and logits (N, boxes, classes)."""
        return self.regression_head(maps), self.classification_head(maps)


class SSDLite(nn.Module):
    """The extractor, its heads, and the arithmetic that makes boxes of codes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = Extractor()
        self.head = Head(classes)
        initialise(self)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Map (N, 3, H, W) to boxes and scores.

        Returns:
            `boxes` (N, boxes, 4): left, top, right and bottom in pixels of the input, within it.
            `scores` (N, boxes, classes): they add up to 1 for each box; class 0 is the background.
        """
        maps = self.backbone(x)
        codes, logits = self.head(maps)
        height, width = int(x.shape[2]), int(x.shape[3])
        sizes = [(int(one.shape[2]), int(one.shape[3])) for one in maps]
        boxes = decoded(codes, torch.tensor(list(default_boxes(sizes))), (height, width))
        return {"boxes": boxes, "scores": logits.softmax(-1)}


def default_boxes(sizes: Sequence[tuple[int, int]]) -> Iterator[tuple[float, float, float, float]]:
    """Centre x, centre y, width and height of every default box, as shares of the image.

    Args:
        sizes: (height, width) of each map.
    """
    step = (_LARGEST - _SMALLEST) / (len(sizes) - 1)
    scales = [*(_SMALLEST + step * index for index in range(len(sizes))), 1.0]
    for (rows, columns), scale, larger in zip(sizes, scales, scales[1:], strict=False):
        shapes = _shapes(scale, larger)
        for row in range(rows):
            for column in range(columns):
                for width, height in shapes:
                    yield (column + 0.5) / columns, (row + 0.5) / rows, width, height


def _shapes(scale: float, larger: float) -> list[tuple[float, float]]:
    """Width and height of the default boxes at each place of a map (SSD, section 2.2)."""
    between = math.sqrt(scale * larger)
    shapes = [(scale, scale), (between, between)]
    for ratio in _RATIOS:
        long, short = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
        shapes += [(long, short), (short, long)]
    return [(min(width, 1.0), min(height, 1.0)) for width, height in shapes]


def decoded(codes: Tensor, anchors: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes of codes.

    Args:
        codes: (N, boxes, 4): distance of the centres and logarithms of the sides' ratios, each
            over its variance.
        anchors: (boxes, 4): centre x, centre y, width, height as shares of the image.
        size: (height, width) of the image in pixels.

    Returns:
        (N, boxes, 4): left, top, right, bottom in pixels, cut to the image.
    """
    pixels = torch.tensor([size[1], size[0]])
    centres, sides = anchors[:, :2] * pixels, anchors[:, 2:] * pixels
    middle = codes[..., :2] * (_CENTRE_VARIANCE * sides) + centres
    growth = (codes[..., 2:] * _SIZE_VARIANCE).clamp(max=_MOST_GROWTH)
    half = growth.exp() * (0.5 * sides)
    boxes = torch.cat([middle - half, middle + half], dim=-1).clamp(0, max(size))
    if size[0] == size[1]:
        return boxes
    return torch.minimum(boxes, pixels.repeat(2).to(boxes.dtype))


def ssdlite320_mobilenet_v3_large(classes: int = 91) -> SSDLite:
    """SSDLite on MobileNetV3-Large, whose last stage has half its channels."""
    return SSDLite(classes)
