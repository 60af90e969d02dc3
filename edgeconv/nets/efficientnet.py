"""EfficientNet B0 to B7.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
https://arxiv.org/abs/1905.11946, Table 1 (B0) and section 4 (scaling); parameter names are
torchvision's.

Deviations from the paper: none in the layers. Stochastic depth, which only training has, is left
out. With `padding="same"` convolutions pad and BatchNorm's epsilon is 1e-3, as in the authors'
TensorFlow code, whose weights need both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from edgeconv.nets.blocks import (
    SqueezeExcitation,
    classifier,
    conv_bn_act,
    global_average,
    initialise,
    residual_norm,
    round_channels,
)

_STEM_CHANNELS = 32
_LAST_CHANNELS = 1280


@dataclass(frozen=True)
class Stage:
    """A row of the paper's Table 1: blocks of one output width.

    Attributes:
        expansion: how often the channels are in the depthwise convolution.
        kernel: side of the depthwise kernel.
        stride: of the first block.
        out: channels at width 1.
        blocks: at depth 1.
    """

    expansion: int
    kernel: int
    stride: int
    out: int
    blocks: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)


@dataclass(frozen=True)
class _Style:
    """What all layers of a net share: the padding and BatchNorm's epsilon."""

    same: bool
    epsilon: float


class MBConv(nn.Module):
    """Expand, filter depthwise, squeeze and excite, project."""

    def __init__(self, channels: int, out: int, stage: Stage, stride: int, style: _Style) -> None:
        super().__init__()
        hidden = round_channels(channels * stage.expansion)
        layers: list[nn.Module] = []
        if hidden != channels:
            layers.append(
                conv_bn_act(channels, hidden, 1, activation=nn.SiLU, epsilon=style.epsilon)
            )
        depthwise = conv_bn_act(
            hidden,
            hidden,
            stage.kernel,
            stride=stride,
            groups=hidden,
            activation=nn.SiLU,
            same=style.same,
            epsilon=style.epsilon,
        )
        squeeze = SqueezeExcitation(hidden, max(1, channels // 4), activation=nn.SiLU)
        self.residual = stride == 1 and channels == out
        norm = residual_norm if self.residual else nn.BatchNorm2d
        project = conv_bn_act(hidden, out, 1, activation=None, epsilon=style.epsilon, norm=norm)
        self.block = nn.Sequential(*layers, depthwise, squeeze, project)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.block(x)
        return y + x if self.residual else y


class EfficientNet(nn.Module):
    """A stem, seven scaled stages of MBConv blocks, a wide 1 x 1 convolution, the classifier."""

    def __init__(
        self, width: float, depth: float, dropout: float, *, classes: int, style: _Style
    ) -> None:
        super().__init__()
        channels = round_channels(_STEM_CHANNELS * width)
        stem = conv_bn_act(
            3, channels, stride=2, activation=nn.SiLU, same=style.same, epsilon=style.epsilon
        )
        layers: list[nn.Module] = [stem]
        for stage in STAGES:
            out = round_channels(stage.out * width)
            blocks = []
            for index in range(math.ceil(stage.blocks * depth)):
                stride = stage.stride if index == 0 else 1
                blocks.append(MBConv(channels, out, stage, stride, style))
                channels = out
            layers.append(nn.Sequential(*blocks))
        last = round_channels(_LAST_CHANNELS * width)
        layers.append(conv_bn_act(channels, last, 1, activation=nn.SiLU, epsilon=style.epsilon))
        self.features = nn.Sequential(*layers)
        self.classifier = classifier(last, classes, dropout)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(global_average(self.features(x)))
        return logits


#: Width, depth, dropout and torchvision's epsilon of BatchNorm, B0 to B7.
_SCALES = (
    (1.0, 1.0, 0.2, 1e-5),
    (1.0, 1.1, 0.2, 1e-5),
    (1.1, 1.2, 0.3, 1e-5),
    (1.2, 1.4, 0.3, 1e-5),
    (1.4, 1.8, 0.4, 1e-5),
    (1.6, 2.2, 0.4, 1e-3),
    (1.8, 2.6, 0.5, 1e-3),
    (2.0, 3.1, 0.5, 1e-3),
)


def _efficientnet(number: int, classes: int, padding: str, factor: float = 1.0) -> EfficientNet:
    width, depth, dropout, epsilon = _SCALES[number]
    same = padding == "same"
    style = _Style(same, 1e-3 if same else epsilon)
    return EfficientNet(factor * width, depth, dropout, classes=classes, style=style)


def efficientnet_b0(
    classes: int = 1000, padding: str = "symmetric", width: float = 1.0
) -> EfficientNet:
    """EfficientNet-B0, `width` times as wide; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _efficientnet(0, classes, padding, width)


def efficientnet_b1(classes: int = 1000, padding: str = "symmetric") -> EfficientNet:
    """EfficientNet-B1; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _efficientnet(1, classes, padding)


def efficientnet_b2(classes: int = 1000, padding: str = "symmetric") -> EfficientNet:
    """EfficientNet-B2; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _efficientnet(2, classes, padding)


def efficientnet_b3(classes: int = 1000, padding: str = "symmetric") -> EfficientNet:
    """EfficientNet-B3; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _efficientnet(3, classes, padding)


def efficientnet_b4(classes: int = 1000, padding: str = "symmetric") -> EfficientNet:
    """EfficientNet-B4; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _efficientnet(4, classes, padding)


def efficientnet_b5(classes: int = 1000, padding: str = "symmetric") -> EfficientNet:
    """EfficientNet-B5; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _efficientnet(5, classes, padding)


def efficientnet_b6(classes: int = 1000, padding: str = "symmetric") -> EfficientNet:
    """EfficientNet-B6; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _efficientnet(6, classes, padding)


def efficientnet_b7(classes: int = 1000, padding: str = "symmetric") -> EfficientNet:
    """EfficientNet-B7; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _efficientnet(7, classes, padding)
