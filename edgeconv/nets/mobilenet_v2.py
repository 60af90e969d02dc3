"""MobileNetV2.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
https://arxiv.org/abs/1801.04381, Table 2; parameter names and padding are torchvision's.

Deviations from the paper: none in the layers; channel counts at other widths are rounded to
multiples of eight, and the last layer never has fewer than 1280 channels, as in the authors' code.
"""

from __future__ import annotations

from torch import Tensor, nn

from edgeconv.nets.blocks import (
    classifier,
    conv_bn_act,
    global_average,
    initialise,
    round_channels,
)

_STEM_CHANNELS = 32
_LAST_CHANNELS = 1280
_STAGES = (  # expansion, output channels at width 1, blocks, stride of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """Expand with 1 x 1, filter depthwise with 3 x 3, project with a linear 1 x 1."""

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers.append(conv_bn_act(channels, hidden, 1))
        layers.append(conv_bn_act(hidden, hidden, stride=stride, groups=hidden))
        # Flat in the sequence, not a block of their own: the published weights' keys say so.
        layers += conv_bn_act(hidden, out, 1, activation=None)
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """A stem, seventeen inverted residuals, a wide 1 x 1 convolution and the classifier."""

    def __init__(self, classes: int = 1000, width: float = 1.0) -> None:
        super().__init__()
        channels = round_channels(_STEM_CHANNELS * width)
        last = round_channels(_LAST_CHANNELS * max(1.0, width))
        layers: list[nn.Module] = [conv_bn_act(3, channels, stride=2)]
        for expansion, wide, blocks, first_stride in _STAGES:
            out = round_channels(wide * width)
            for index in range(blocks):
                stride = first_stride if index == 0 else 1
                layers.append(InvertedResidual(channels, out, stride, expansion))
                channels = out
        layers.append(conv_bn_act(channels, last, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = classifier(last, classes, dropout=0.2)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(global_average(self.features(x)))
        return logits


def mobilenet_v2(classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNetV2 at a width multiplier."""
    return MobileNetV2(classes, width)
