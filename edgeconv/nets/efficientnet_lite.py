"""EfficientNet-Lite 0 to 4.

The authors' variants of Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional
Neural Networks", https://arxiv.org/abs/1905.11946, Table 1, for phones and accelerators: no
squeeze-excitation, ReLU6 in place of swish, and a stem, a first stage, a last stage and a head that
are not scaled (width of the stem and head, depth of the stages). Released in TensorFlow's TPU
models, `efficientnet/lite`; parameter names are timm's.

With `padding="same"` convolutions pad and BatchNorm's epsilon is 1e-3, as in TensorFlow, whose
weights need both.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from edgeconv.nets.blocks import global_average, initialise, round_channels
from edgeconv.nets.efficientnet import STAGES, Stage
from edgeconv.nets.separable import InvertedResidual, Separable, Style

_STEM_CHANNELS = 32
_LAST_CHANNELS = 1280


class EfficientNetLite(nn.Module):
    """A stem, seven stages of blocks without squeeze-excitation, a wide 1 x 1, a classifier."""

    def __init__(
        self, width: float, depth: float, dropout: float, *, classes: int, padding: str
    ) -> None:
        super().__init__()
        style = Style(nn.ReLU6, padding == "same")
        self.conv_stem = style.conv(3, _STEM_CHANNELS, 3, stride=2)
        self.bn1 = style.norm_act(_STEM_CHANNELS)
        channels, stages = _STEM_CHANNELS, []
        for stage in STAGES:
            out = round_channels(stage.out * width)
            scaled = stage not in (STAGES[0], STAGES[-1])
            count = math.ceil(stage.blocks * depth) if scaled else stage.blocks
            stages.append(_stage(channels, out, stage, count, style))
            channels = out
        self.blocks = nn.Sequential(*stages)
        self.conv_head = style.conv(channels, _LAST_CHANNELS)
        self.bn2 = style.norm_act(_LAST_CHANNELS)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(_LAST_CHANNELS, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        x = self.blocks(self.bn1(self.conv_stem(x)))
        x = global_average(self.bn2(self.conv_head(x)))
        logits: Tensor = self.classifier(self.dropout(x))
        return logits


def _stage(channels: int, out: int, stage: Stage, count: int, style: Style) -> nn.Sequential:
    blocks: list[nn.Module] = []
    for index in range(count):
        stride = stage.stride if index == 0 else 1
        if stage.expansion == 1:
            blocks.append(Separable(channels, out, style, kernel=stage.kernel, stride=stride))
        else:
            blocks.append(
                InvertedResidual(
                    channels,
                    out,
                    style,
                    expansion=stage.expansion,
                    kernel=stage.kernel,
                    stride=stride,
                )
            )
        channels = out
    return nn.Sequential(*blocks)


#: Width, depth and dropout, 0 to 4.
_SCALES = ((1.0, 1.0, 0.2), (1.0, 1.1, 0.2), (1.1, 1.2, 0.3), (1.2, 1.4, 0.3), (1.4, 1.8, 0.3))


def _lite(number: int, classes: int, padding: str) -> EfficientNetLite:
    width, depth, dropout = _SCALES[number]
    return EfficientNetLite(width, depth, dropout, classes=classes, padding=padding)


def efficientnet_lite0(classes: int = 1000, padding: str = "symmetric") -> EfficientNetLite:
    """EfficientNet-Lite0; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _lite(0, classes, padding)


def efficientnet_lite1(classes: int = 1000, padding: str = "symmetric") -> EfficientNetLite:
    """EfficientNet-Lite1; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _lite(1, classes, padding)


def efficientnet_lite2(classes: int = 1000, padding: str = "symmetric") -> EfficientNetLite:
    """EfficientNet-Lite2; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _lite(2, classes, padding)


def efficientnet_lite3(classes: int = 1000, padding: str = "symmetric") -> EfficientNetLite:
    """EfficientNet-Lite3; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _lite(3, classes, padding)


def efficientnet_lite4(classes: int = 1000, padding: str = "symmetric") -> EfficientNetLite:
    """EfficientNet-Lite4; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return _lite(4, classes, padding)
