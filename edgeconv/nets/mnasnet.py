"""MNASNet, the B1 variant without squeeze-excitation.

Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile",
https://arxiv.org/abs/1807.11626, Fig. 7 without its SE blocks (the authors' MnasNet-B1); parameter
names are torchvision's.

Deviations from the paper, as in torchvision, whose weights need them: none in the layers; at other
widths than 1 the stem is scaled too, and the 1280 channels before the classifier never are.
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
_FIRST_CHANNELS = 16
_LAST_CHANNELS = 1280
_STAGES = (  # kernel, expansion, output channels at width 1, blocks, stride of the first
    (3, 3, 24, 3, 2),
    (5, 3, 40, 3, 2),
    (5, 6, 80, 3, 2),
    (3, 6, 96, 2, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """Expand with 1 x 1, filter depthwise, project with a linear 1 x 1; ReLU, not ReLU6."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        # Flat in the sequence, not blocks of their own: the published weights' keys say so.
        self.layers = nn.Sequential(
            *conv_bn_act(channels, hidden, 1, activation=nn.ReLU),
            *conv_bn_act(hidden, hidden, kernel, stride=stride, groups=hidden, activation=nn.ReLU),
            *conv_bn_act(hidden, out, 1, activation=None),
        )
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.layers(x)
        return y + x if self.residual else y


class MNASNet(nn.Module):
    """A stem, a separable convolution, six stages, a wide 1 x 1 convolution, the classifier."""

    def __init__(self, classes: int, width: float) -> None:
        super().__init__()
        stem, channels = (
            round_channels(wide * width) for wide in (_STEM_CHANNELS, _FIRST_CHANNELS)
        )
        layers: list[nn.Module] = [
            *conv_bn_act(3, stem, stride=2, activation=nn.ReLU),
            *conv_bn_act(stem, stem, groups=stem, activation=nn.ReLU),
            *conv_bn_act(stem, channels, 1, activation=None),
        ]
        for kernel, expansion, wide, blocks, stride in _STAGES:
            out = round_channels(wide * width)
            first = InvertedResidual(channels, out, kernel, stride, expansion)
            rest = (InvertedResidual(out, out, kernel, 1, expansion) for _ in range(blocks - 1))
            layers.append(nn.Sequential(first, *rest))
            channels = out
        layers += conv_bn_act(channels, _LAST_CHANNELS, 1, activation=nn.ReLU)
        self.layers = nn.Sequential(*layers)
        self.classifier = classifier(_LAST_CHANNELS, classes, dropout=0.2)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(global_average(self.layers(x)))
        return logits


def mnasnet0_5(classes: int = 1000) -> MNASNet:
    """MNASNet at half its channels."""
    return MNASNet(classes, 0.5)


def mnasnet0_75(classes: int = 1000) -> MNASNet:
    """MNASNet at three quarters of its channels."""
    return MNASNet(classes, 0.75)


def mnasnet1_0(classes: int = 1000) -> MNASNet:
    """MNASNet as found by the search."""
    return MNASNet(classes, 1.0)


def mnasnet1_3(classes: int = 1000) -> MNASNet:
    """MNASNet at 1.3 times its channels."""
    return MNASNet(classes, 1.3)
