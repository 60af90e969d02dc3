"""MobileNetV3, large and small.

Howard et al., "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244, Tables 1 and 2;
parameter names are torchvision's.

Deviations from the paper, as in torchvision, whose weights need them: at other widths than 1 the
layer before the classifier is scaled too (the authors keep it at 1280 and 1024), and so is the
stem. With `padding="same"` convolutions pad as in the authors' TensorFlow code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn

from edgeconv.nets.blocks import (
    SqueezeExcitation,
    conv_bn_act,
    global_average,
    initialise,
    round_channels,
)

EPSILON = 1e-3  # of BatchNorm, TensorFlow's
_STEM_CHANNELS = 16


@dataclass(frozen=True)
class Bottleneck:
    """A row of the paper's tables.

    Attributes:
        kernel: side of the depthwise kernel.
        expanded: channels of the depthwise convolution at width 1 ("exp size").
        out: channels of the output at width 1.
        squeeze: whether squeeze-excitation follows the depthwise convolution.
        hard_swish: hard-swish or ReLU.
        stride: of the depthwise convolution.
        dilation: of the depthwise convolution.
    """

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    hard_swish: bool
    stride: int
    dilation: int = 1


_LARGE = (  # Table 1
    Bottleneck(3, 16, 16, False, False, 1),
    Bottleneck(3, 64, 24, False, False, 2),
    Bottleneck(3, 72, 24, False, False, 1),
    Bottleneck(5, 72, 40, True, False, 2),
    *(Bottleneck(5, 120, 40, True, False, 1),) * 2,
    Bottleneck(3, 240, 80, False, True, 2),
    Bottleneck(3, 200, 80, False, True, 1),
    *(Bottleneck(3, 184, 80, False, True, 1),) * 2,
    Bottleneck(3, 480, 112, True, True, 1),
    Bottleneck(3, 672, 112, True, True, 1),
    Bottleneck(5, 672, 160, True, True, 2),
    *(Bottleneck(5, 960, 160, True, True, 1),) * 2,
)
_LAST_STAGE = 12  # the row of the large net that strides to a 32nd of the resolution
_SMALL = (  # Table 2
    Bottleneck(3, 16, 16, True, False, 2),
    Bottleneck(3, 72, 24, False, False, 2),
    Bottleneck(3, 88, 24, False, False, 1),
    Bottleneck(5, 96, 40, True, True, 2),
    *(Bottleneck(5, 240, 40, True, True, 1),) * 2,
    Bottleneck(5, 120, 48, True, True, 1),
    Bottleneck(5, 144, 48, True, True, 1),
    Bottleneck(5, 288, 96, True, True, 2),
    *(Bottleneck(5, 576, 96, True, True, 1),) * 2,
)


class InvertedResidual(nn.Module):
    """Expand, filter depthwise, squeeze and excite, project (the paper's Fig. 4)."""

    def __init__(self, channels: int, row: Bottleneck, width: float, same: bool) -> None:
        super().__init__()
        hidden = round_channels(row.expanded * width)
        out = round_channels(row.out * width)
        activation = nn.Hardswish if row.hard_swish else nn.ReLU
        layers: list[nn.Module] = []
        if hidden != channels:
            layers.append(conv_bn_act(channels, hidden, 1, activation=activation, epsilon=EPSILON))
        layers.append(
            conv_bn_act(
                hidden,
                hidden,
                row.kernel,
                stride=row.stride,
                dilation=row.dilation,
                groups=hidden,
                activation=activation,
                same=same,
                epsilon=EPSILON,
            )
        )
        if row.squeeze:
            squeezed = round_channels(hidden // 4)
            layers.append(SqueezeExcitation(hidden, squeezed, gate=nn.Hardsigmoid))
        layers.append(conv_bn_act(hidden, out, 1, activation=None, epsilon=EPSILON))
        self.block = nn.Sequential(*layers)
        self.residual = row.stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.block(x)
        return y + x if self.residual else y


def _features(rows: tuple[Bottleneck, ...], width: float, same: bool) -> nn.Sequential:
    """A stem, the bottlenecks of a table, and the 1 x 1 convolution before the pool."""
    channels = round_channels(_STEM_CHANNELS * width)
    stem = conv_bn_act(3, channels, stride=2, activation=nn.Hardswish, same=same, epsilon=EPSILON)
    layers: list[nn.Module] = [stem]
    for row in rows:
        layers.append(InvertedResidual(channels, row, width, same))
        channels = round_channels(row.out * width)
    pooled = _pooled(rows, width)
    layers.append(conv_bn_act(channels, pooled, 1, activation=nn.Hardswish, epsilon=EPSILON))
    return nn.Sequential(*layers)


def _pooled(rows: tuple[Bottleneck, ...], width: float) -> int:
    """Channels before the pool."""
    return 6 * round_channels(rows[-1].out * width)


class MobileNetV3(nn.Module):
    """A stem, the bottlenecks of a table, and an efficient last stage that pools early (Fig. 5)."""

    def __init__(
        self,
        rows: tuple[Bottleneck, ...],
        last_channels: int,
        *,
        classes: int,
        width: float,
        padding: str,
    ) -> None:
        super().__init__()
        self.features = _features(rows, width, same=padding == "same")
        pooled = _pooled(rows, width)
        last = round_channels(last_channels * width)
        self.classifier = nn.Sequential(
            nn.Linear(pooled, last), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(last, classes)
        )
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(global_average(self.features(x)))
        return logits


def large_backbone(*, dilated: bool = False, reduced: bool = False) -> nn.Sequential:
    """MobileNetV3-Large's convolutions, for segmentation and detection (the paper's section 6.3).

    Args:
        dilated: the last stage dilates instead of striding, for a sixteenth of the resolution.
        reduced: the last stage has half its channels (the paper's Table 6).
    """
    rows = list(_LARGE[:_LAST_STAGE])
    halved = 2 if reduced else 1
    for index, row in enumerate(_LARGE[_LAST_STAGE:]):
        expanded = row.expanded if index == 0 else row.expanded // halved
        changed = replace(row, expanded=expanded, out=row.out // halved)
        rows.append(replace(changed, stride=1, dilation=2) if dilated else changed)
    return _features(tuple(rows), width=1.0, same=False)


def mobilenet_v3_large(
    classes: int = 1000, width: float = 1.0, padding: str = "symmetric"
) -> MobileNetV3:
    """MobileNetV3-Large; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return MobileNetV3(_LARGE, 1280, classes=classes, width=width, padding=padding)


def mobilenet_v3_small(
    classes: int = 1000, width: float = 1.0, padding: str = "symmetric"
) -> MobileNetV3:
    """MobileNetV3-Small; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return MobileNetV3(_SMALL, 1024, classes=classes, width=width, padding=padding)
