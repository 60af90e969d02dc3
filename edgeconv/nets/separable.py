"""Depthwise separable blocks whose parameter names are timm's.

MobileNetV3's minimalistic nets and EfficientNet-Lite are built of these: no squeeze-excitation, one
activation throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from edgeconv.nets.blocks import SameConv2d, round_channels


@dataclass(frozen=True)
class Style:
    """What all layers of such a net share.

    Attributes:
        activation: its class.
        same: pad as TensorFlow's SAME, and take TensorFlow's epsilon of 1e-3 in BatchNorm, instead
            of (kernel - 1) / 2 on every side and PyTorch's 1e-5.
    """

    activation: type[nn.Module]
    same: bool

    def conv(
        self, channels: int, out: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
    ) -> nn.Conv2d:
        """A convolution without bias."""
        conv_class = SameConv2d if self.same else nn.Conv2d
        padding = 0 if self.same else (kernel - 1) // 2
        return conv_class(
            channels, out, kernel, stride=stride, padding=padding, groups=groups, bias=False
        )

    def norm(self, channels: int) -> nn.BatchNorm2d:
        """BatchNorm with no activation."""
        return nn.BatchNorm2d(channels, eps=1e-3 if self.same else 1e-5)

    def norm_act(self, channels: int) -> BatchNormAct:
        """BatchNorm and the activation."""
        return BatchNormAct(channels, eps=1e-3 if self.same else 1e-5, act=self.activation())


class BatchNormAct(nn.BatchNorm2d):
    """BatchNorm and an activation under one name, as timm's keys have them."""

    def __init__(self, channels: int, *, eps: float, act: nn.Module) -> None:
        super().__init__(channels, eps=eps)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        activated: Tensor = self.act(super().forward(x))
        return activated


class Separable(nn.Module):
    """Filter depthwise, project with a linear 1 x 1."""

    def __init__(
        self, channels: int, out: int, style: Style, *, kernel: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv_dw = style.conv(channels, channels, kernel, stride=stride, groups=channels)
        self.bn1 = style.norm_act(channels)
        self.conv_pw = style.conv(channels, out)
        self.bn2 = style.norm(out)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.bn2(self.conv_pw(self.bn1(self.conv_dw(x))))
        return y + x if self.residual else y


class InvertedResidual(nn.Module):
    """Expand with 1 x 1, filter depthwise, project with a linear 1 x 1."""

    def __init__(
        self,
        channels: int,
        out: int,
        style: Style,
        *,
        expansion: float,
        kernel: int = 3,
        stride: int = 1,
    ) -> None:
        super().__init__()
        hidden = round_channels(channels * expansion)
        self.conv_pw = style.conv(channels, hidden)
        self.bn1 = style.norm_act(hidden)
        self.conv_dw = style.conv(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.bn2 = style.norm_act(hidden)
        self.conv_pwl = style.conv(hidden, out)
        self.bn3 = style.norm(out)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y = self.bn2(self.conv_dw(self.bn1(self.conv_pw(x))))
        projected: Tensor = self.bn3(self.conv_pwl(y))
        return projected + x if self.residual else projected


class ConvBnAct(nn.Module):
    """A 1 x 1 convolution, BatchNorm and the activation."""

    def __init__(self, channels: int, out: int, style: Style) -> None:
        super().__init__()
        self.conv = style.conv(channels, out)
        self.bn1 = style.norm_act(out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, H, W)."""
        y: Tensor = self.bn1(self.conv(x))
        return y
