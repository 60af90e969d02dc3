"""ResNet-18, 34, 50, 101 and 152, and ResNeXt-50 and 101.

He et al., "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385,
Table 1, and Xie et al., "Aggregated Residual Transformations for Deep Neural Networks",
https://arxiv.org/abs/1611.05431, Table 1 and Fig. 3(c); parameter names are torchvision's.

ResNeXt's NxMd reads: N groups of M channels each in the 3 x 3 convolution of the first stage.

Deviation from the ResNet paper: bottlenecks stride in their 3 x 3 convolution, not in the first
1 x 1, as in torchvision, whose weights need it (often called v1.5), and in ResNeXt from its paper
on. Shortcuts that change shape are 1 x 1 projections (the ResNet paper's option B).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn

from edgeconv.nets.blocks import global_average, initialise, residual_norm


@dataclass(frozen=True)
class Middle:
    """The 3 x 3 convolutions of a block.

    Attributes:
        groups: of a bottleneck's convolution; a basic block has one.
        group_channels: in the first stage, doubled with every stage.
        dilation: distance between taps.
    """

    groups: int = 1
    group_channels: int = 64
    dilation: int = 1


_PLAIN = Middle()


class _Residual(nn.Module):
    """What both kinds of block share: add the shortcut, then rectify."""

    expansion: int

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * self.expansion
        self.downsample = _projection(channels, out, stride)

    def _shortcut(self, x: Tensor) -> Tensor:
        if self.downsample is None:
            return x
        projected: Tensor = self.downsample(x)
        return projected


class BasicBlock(_Residual):
    """Two 3 x 3 convolutions (the paper's Fig. 5, left)."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int, middle: Middle = _PLAIN) -> None:
        super().__init__(channels, width, stride)
        apart = middle.dilation
        self.conv1 = nn.Conv2d(channels, width, 3, stride, apart, apart, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, apart, apart, bias=False)
        self.bn2 = residual_norm(width)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, width, H / stride, W / stride)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        rectified: Tensor = self.relu2(y + self._shortcut(x))
        return rectified


class Bottleneck(_Residual):
    """1 x 1, 3 x 3 and 1 x 1 convolutions (the paper's Fig. 5, right; ResNeXt's Fig. 3(c))."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int, middle: Middle = _PLAIN) -> None:
        super().__init__(channels, width, stride)
        inner = width * middle.group_channels // 64 * middle.groups
        apart = middle.dilation
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(
            inner, inner, 3, stride, apart, apart, groups=middle.groups, bias=False
        )
        self.bn2 = nn.BatchNorm2d(inner)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(inner, width * self.expansion, 1, bias=False)
        self.bn3 = residual_norm(width * self.expansion)
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, 4 width, H / stride, W / stride)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        rectified: Tensor = self.relu3(y + self._shortcut(x))
        return rectified


class ResNetBody(nn.Module):
    """A 7 x 7 stem and four stages of residual blocks.

    Args:
        block: kind of block.
        blocks: how many of them each stage has.
        middle: the 3 x 3 convolutions of every block.
        dilated: numbers of the stages that dilate by another factor of two where others stride.
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        blocks: tuple[int, ...],
        middle: Middle = _PLAIN,
        dilated: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = 64
        for number, count in enumerate(blocks, start=1):
            width = 32 * 2**number
            stride = 1 if number == 1 or number in dilated else 2
            first = block(channels, width, stride, middle)
            if number in dilated:  # from the next block on: the first still sees all of its input
                middle = replace(middle, dilation=2 * middle.dilation)
            channels = width * block.expansion
            rest = (block(channels, width, 1, middle) for _ in range(count - 1))
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
        self.channels = channels

    def features(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, channels, H / 32, W / 32), twice that for each stage dilated."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x


class ResNet(ResNetBody):
    """The body and a classifier of its average."""

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        blocks: tuple[int, ...],
        classes: int,
        middle: Middle = _PLAIN,
    ) -> None:
        super().__init__(block, blocks, middle)
        self.fc = nn.Linear(self.channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        logits: Tensor = self.fc(global_average(self.features(x)))
        return logits


def _projection(channels: int, out: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and channels == out:
        return None
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))


def resnet18(classes: int = 1000) -> ResNet:
    """ResNet-18: two basic blocks a stage."""
    return ResNet(BasicBlock, (2, 2, 2, 2), classes)


def resnet34(classes: int = 1000) -> ResNet:
    """ResNet-34: basic blocks."""
    return ResNet(BasicBlock, (3, 4, 6, 3), classes)


def resnet50(classes: int = 1000) -> ResNet:
    """ResNet-50: bottlenecks."""
    return ResNet(Bottleneck, (3, 4, 6, 3), classes)


def resnet101(classes: int = 1000) -> ResNet:
    """ResNet-101: bottlenecks."""
    return ResNet(Bottleneck, (3, 4, 23, 3), classes)


def resnet152(classes: int = 1000) -> ResNet:
    """ResNet-152: bottlenecks."""
    return ResNet(Bottleneck, (3, 8, 36, 3), classes)


def resnext50_32x4d(classes: int = 1000) -> ResNet:
    """ResNeXt-50: 32 groups of 4 channels."""
    return ResNet(Bottleneck, (3, 4, 6, 3), classes, Middle(32, 4))


def resnext101_32x4d(classes: int = 1000) -> ResNet:
    """ResNeXt-101: 32 groups of 4 channels."""
    return ResNet(Bottleneck, (3, 4, 23, 3), classes, Middle(32, 4))


def resnext101_32x8d(classes: int = 1000) -> ResNet:
    """ResNeXt-101: 32 groups of 8 channels."""
    return ResNet(Bottleneck, (3, 4, 23, 3), classes, Middle(32, 8))


def resnext101_64x4d(classes: int = 1000) -> ResNet:
    """ResNeXt-101: 64 groups of 4 channels."""
    return ResNet(Bottleneck, (3, 4, 23, 3), classes, Middle(64, 4))
