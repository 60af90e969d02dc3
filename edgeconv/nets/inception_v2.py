"""Inception-v2, or BN-Inception.

Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
Covariate Shift", https://arxiv.org/abs/1502.03167, Figure 5 and the appendix; parameter names are
GoogLeNet's.

Where the paper contradicts itself: the pool projections of modules 4c and 4d have 96 channels, not
the 128 of Figure 5, for only so do the branches add up to the 576 channels the figure states (and
4e to its 1024), and the first author's later TensorFlow code has 96 too. As in that code, the first
convolution is separable (the appendix: depth multiplier 8), without BatchNorm between its halves.
Deviations: padding is symmetric, half a kernel on every side; average pools leave it out of the
mean. The auxiliary classifiers, which only training runs, are not built.
"""

from __future__ import annotations

from torch import Tensor, nn

from edgeconv.nets.blocks import calm_batch_norm, global_average, initialise
from edgeconv.nets.inception_blocks import EPSILON, Concat, ConvBN, pooled

_DEPTH_MULTIPLIER = 8
# Channels of 1 x 1; 3 x 3 reduced, out; double 3 x 3 reduced, out; pool projection.
_Widths = tuple[int, int, int, int, int, int]
_PASS = 0  # a pool that is not projected, and no 1 x 1: the module has stride 2
_MODULES: dict[str, _Widths] = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, _PASS),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 96),
    "4d": (96, 128, 192, 160, 192, 96),
    "4e": (0, 128, 192, 192, 256, _PASS),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}
_MAX_POOLED = "5b"  # the one module whose projected pool is a max-pool


class SeparableStem(nn.Module):
    """A 7 x 7 filter for each of eight copies of a colour, then a 1 x 1 convolution."""

    def __init__(self, out: int) -> None:
        super().__init__()
        hidden = 3 * _DEPTH_MULTIPLIER
        self.depthwise = nn.Conv2d(3, hidden, 7, 2, padding=3, groups=3, bias=False)
        self.pointwise = nn.Conv2d(hidden, out, 1, bias=False)
        self.bn = calm_batch_norm(out, EPSILON)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, out, H / 2, W / 2)."""
        rectified: Tensor = self.relu(self.bn(self.pointwise(self.depthwise(x))))
        return rectified


def inception(channels: int, widths: _Widths, pool: nn.Module) -> Concat:
    """A module: 1 x 1, reduced 3 x 3, reduced double 3 x 3 and a projected pool, side by side."""
    one, three_reduced, three, double_reduced, double, projection = widths
    return Concat(
        branch1=ConvBN(channels, one),
        branch2=nn.Sequential(ConvBN(channels, three_reduced), ConvBN(three_reduced, three, 3)),
        branch3=nn.Sequential(
            ConvBN(channels, double_reduced),
            ConvBN(double_reduced, double, 3),
            ConvBN(double, double, 3),
        ),
        branch4=pooled(pool, channels, projection),
    )


def reduction(channels: int, widths: _Widths) -> Concat:
    """A module that halves the grid: its last 3 x 3 have stride 2, and its pool passes through."""
    _, three_reduced, three, double_reduced, double, _ = widths
    return Concat(
        branch2=nn.Sequential(
            ConvBN(channels, three_reduced), ConvBN(three_reduced, three, 3, stride=2)
        ),
        branch3=nn.Sequential(
            ConvBN(channels, double_reduced),
            ConvBN(double_reduced, double, 3),
            ConvBN(double, double, 3, stride=2),
        ),
        branch4=_halve(),
    )


class InceptionV2(nn.Module):
    """A separable stem, ten Inception modules, and the classifier."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = SeparableStem(64)
        self.maxpool1 = _halve()
        self.conv2 = ConvBN(64, 64)
        self.conv3 = ConvBN(64, 192, 3)
        self.maxpool2 = _halve()
        channels = 192
        for name, widths in _MODULES.items():
            one, _, three, _, double, projection = widths
            if projection == _PASS:
                module = reduction(channels, widths)
                channels += three + double
            else:
                module = inception(channels, widths, _pool(name))
                channels = one + three + double + projection
            self.add_module(f"inception{name}", module)
        self._features = [name for name, _ in self.named_children()]
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        for name in self._features:
            x = getattr(self, name)(x)
        logits: Tensor = self.fc(self.dropout(global_average(x)))
        return logits


def _pool(module: str) -> nn.Module:
    if module == _MAX_POOLED:
        return nn.MaxPool2d(3, stride=1, padding=1)
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def _halve() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, padding=1)


def inception_v2(classes: int = 1000) -> InceptionV2:
    """Inception-v2 (BN-Inception)."""
    return InceptionV2(classes)
