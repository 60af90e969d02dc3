"""ResNet-18, 34, 50, 101 and 152.

He et al., "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385,
Table 1; parameter names are torchvision's.

Deviation from the paper: bottlenecks stride in their 3 x 3 convolution, not in the first 1 x 1, as
in torchvision, whose weights need it (often called v1.5). Shortcuts that change shape are 1 x 1
projections (the paper's option B).
"""

from __future__ import annotations

from torch import Tensor, nn

from edgeconv.nets.blocks import global_average, initialise


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

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__(channels, width, stride)
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, width, H / stride, W / stride)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        rectified: Tensor = self.relu2(y + self._shortcut(x))
        return rectified


class Bottleneck(_Residual):
    """1 x 1, 3 x 3 and 1 x 1 convolutions (the paper's Fig. 5, right)."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__(channels, width, stride)
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, 4 width, H / stride, W / stride)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        rectified: Tensor = self.relu3(y + self._shortcut(x))
        return rectified


class ResNet(nn.Module):
    """A 7 x 7 stem, four stages of residual blocks, and the classifier."""

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(
        self, block: type[BasicBlock | Bottleneck], blocks: tuple[int, ...], classes: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = 64
        for number, count in enumerate(blocks, start=1):
            width = 32 * 2**number
            stage = _stage(block, channels, width, count, stride=1 if number == 1 else 2)
            self.add_module(f"layer{number}", stage)
            channels = width * block.expansion
        self.fc = nn.Linear(channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        logits: Tensor = self.fc(global_average(x))
        return logits


def _stage(
    block: type[BasicBlock | Bottleneck], channels: int, width: int, count: int, stride: int
) -> nn.Sequential:
    first = block(channels, width, stride)
    rest = (block(width * block.expansion, width, 1) for _ in range(count - 1))
    return nn.Sequential(first, *rest)


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
