"""MobileNetV3's minimalistic nets, large and small.

The layers of Howard et al., "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244, Tables 1
and 2, without squeeze-excitation, hard-swish and 5 x 5 kernels, for accelerators that run those
badly; released with the authors' TensorFlow code. Parameter names are timm's.

With `padding="same"` convolutions pad and BatchNorm's epsilon is 1e-3, as in TensorFlow, whose
weights need both.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from edgeconv.nets.blocks import global_average, initialise, round_channels
from edgeconv.nets.separable import ConvBnAct, InvertedResidual, Separable, Style

_STEM_CHANNELS = 16
_SCALED_STEM = 0.75  # the least width at which the stem is scaled too


@dataclass(frozen=True)
class Stage:
    """Blocks of one output width.

    Attributes:
        out: channels at width 1.
        expansions: how often the channels are in the depthwise convolution, one for each block.
        stride: of the first block.
    """

    out: int
    expansions: tuple[float, ...]
    stride: int


_LARGE = (
    Stage(24, (4, 3), 2),
    Stage(40, (3, 3, 3), 2),
    Stage(80, (6, 2.5, 2.3, 2.3), 2),
    Stage(112, (6, 6), 1),
    Stage(160, (6, 6, 6), 2),
)
_SMALL = (
    Stage(24, (4.5, 3.67), 2),
    Stage(40, (4, 6, 6), 2),
    Stage(48, (3, 3), 1),
    Stage(96, (6, 6, 6), 2),
)


class MinimalisticMobileNetV3(nn.Module):
    """A stem, a separable block, stages of inverted residuals, a last stage that pools early."""

    def __init__(
        self,
        stages: tuple[Stage, ...],
        last_channels: int,
        *,
        first_stride: int,
        classes: int,
        width: float,
        padding: str,
    ) -> None:
        super().__init__()
        style = Style(nn.ReLU, padding == "same")
        stem = _STEM_CHANNELS if width < _SCALED_STEM else round_channels(_STEM_CHANNELS * width)
        self.conv_stem = style.conv(3, stem, 3, stride=2)
        self.bn1 = style.norm_act(stem)
        channels = round_channels(_STEM_CHANNELS * width)
        blocks = [nn.Sequential(Separable(stem, channels, style, stride=first_stride))]
        for stage in stages:
            out = round_channels(stage.out * width)
            blocks.append(_stage(channels, out, stage, style))
            channels = out
        pooled = round_channels(6 * stages[-1].out * width)
        blocks.append(nn.Sequential(ConvBnAct(channels, pooled, style)))
        self.blocks = nn.Sequential(*blocks)
        self.conv_head = nn.Conv2d(pooled, last_channels, 1)
        self.act2 = nn.ReLU()
        self.classifier = nn.Linear(last_channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        x = self.blocks(self.bn1(self.conv_stem(x)))
        x = self.act2(self.conv_head(x.mean((2, 3), keepdim=True)))
        logits: Tensor = self.classifier(global_average(x))
        return logits


def _stage(channels: int, out: int, stage: Stage, style: Style) -> nn.Sequential:
    blocks = []
    for index, expansion in enumerate(stage.expansions):
        stride = stage.stride if index == 0 else 1
        blocks.append(InvertedResidual(channels, out, style, expansion=expansion, stride=stride))
        channels = out
    return nn.Sequential(*blocks)


def mobilenet_v3_large_minimalistic(
    classes: int = 1000, width: float = 1.0, padding: str = "symmetric"
) -> MinimalisticMobileNetV3:
    """Minimalistic MobileNetV3-Large; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return MinimalisticMobileNetV3(
        _LARGE, 1280, first_stride=1, classes=classes, width=width, padding=padding
    )


def mobilenet_v3_small_minimalistic(
    classes: int = 1000, width: float = 1.0, padding: str = "symmetric"
) -> MinimalisticMobileNetV3:
    """Minimalistic MobileNetV3-Small; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return MinimalisticMobileNetV3(
        _SMALL, 1024, first_stride=2, classes=classes, width=width, padding=padding
    )
