"""SE-ResNet-50 and 101, SE-ResNeXt-50 and SENet-154.

Hu et al., "Squeeze-and-Excitation Networks", https://arxiv.org/abs/1709.01507, Table 1 and, for
SENet-154, its appendix; parameter names are those of timm's `legacy_` nets, which hold the authors'
Caffe weights.

Deviations from the paper: none. As in the authors' files, SE-ResNets stride in the first 1 x 1
convolution of a bottleneck where torchvision's ResNets stride in the 3 x 3, and the max-pool of the
stem counts the last, incomplete window where torchvision's pads in front.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from torch import Tensor, nn

from edgeconv.nets.blocks import SqueezeExcitation, global_average, initialise, residual_norm

_EXPANSION = 4
_REDUCTION = 16
_STEM_WIDTH = 64


@dataclass(frozen=True)
class Design:
    """What tells the nets of the paper apart.

    Attributes:
        inner: channels of the two inner convolutions of a block of the first stage.
        groups: of the 3 x 3 convolution.
        stride_first: stride in the first 1 x 1 convolution, not in the 3 x 3.
        stem_convs: 3 x 3 convolutions of the stem, or one that is 7 x 7.
        stem_channels: channels of the stem.
        shortcut_kernel: side of the projections that stride.
        dropout: before the classifier.
    """

    inner: tuple[int, int]
    groups: int = 1
    stride_first: bool = False
    stem_convs: int = 1
    stem_channels: int = 64
    shortcut_kernel: int = 1
    dropout: float = 0.0


SE_RESNET = Design(inner=(64, 64), stride_first=True)
SE_RESNEXT = Design(inner=(128, 128), groups=32)
SENET = Design(
    inner=(128, 256),
    groups=64,
    stem_convs=3,
    stem_channels=128,
    shortcut_kernel=3,
    dropout=0.2,
)


class SEBottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 and squeeze-excitation, added to the shortcut (the paper's Fig. 3)."""

    def __init__(self, channels: int, width: int, stride: int, design: Design) -> None:
        super().__init__()
        first, second = (width * inner // 64 for inner in design.inner)
        out = width * _EXPANSION
        strides = (stride, 1) if design.stride_first else (1, stride)
        self.conv1 = nn.Conv2d(channels, first, 1, strides[0], bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(
            first, second, 3, strides[1], padding=1, groups=design.groups, bias=False
        )
        self.bn2 = nn.BatchNorm2d(second)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(second, out, 1, bias=False)
        self.bn3 = residual_norm(out)
        self.se_module = SqueezeExcitation(out, out // _REDUCTION)
        self.downsample = _projection(channels, out, stride, design)
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, 4 width, H / stride, W / stride)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.se_module(self.bn3(self.conv3(y)))
        rectified: Tensor = self.relu3(y + (x if self.downsample is None else self.downsample(x)))
        return rectified


def _projection(channels: int, out: int, stride: int, design: Design) -> nn.Sequential | None:
    if stride == 1 and channels == out:
        return None
    kernel = 1 if stride == 1 else design.shortcut_kernel
    conv = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out))


def _stem(design: Design) -> nn.Sequential:
    """Halves the resolution, with one 7 x 7 convolution or several 3 x 3."""
    layers: dict[str, nn.Module] = {}
    channels = 3
    for number in range(1, design.stem_convs + 1):
        out = design.stem_channels if number == design.stem_convs else _STEM_WIDTH
        kernel = 7 if design.stem_convs == 1 else 3
        stride = 2 if number == 1 else 1
        layers[f"conv{number}"] = nn.Conv2d(
            channels, out, kernel, stride, padding=kernel // 2, bias=False
        )
        layers[f"bn{number}"] = nn.BatchNorm2d(out)
        layers[f"relu{number}"] = nn.ReLU()
        channels = out
    return nn.Sequential(OrderedDict(layers))


class SENet(nn.Module):
    """A stem, four stages of bottlenecks with squeeze-excitation, and the classifier."""

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, blocks: tuple[int, ...], design: Design, classes: int) -> None:
        super().__init__()
        self.layer0 = _stem(design)
        self.pool0 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        channels = design.stem_channels
        for number, count in enumerate(blocks, start=1):
            width = 32 * 2**number
            stage = []
            for index in range(count):
                stride = 2 if index == 0 and number > 1 else 1
                stage.append(SEBottleneck(channels, width, stride, design))
                channels = width * _EXPANSION
            self.add_module(f"layer{number}", nn.Sequential(*stage))
        self.dropout = nn.Dropout(design.dropout)
        self.last_linear = nn.Linear(channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        x = self.pool0(self.layer0(x))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        logits: Tensor = self.last_linear(self.dropout(global_average(x)))
        return logits


def se_resnet50(classes: int = 1000) -> SENet:
    """SE-ResNet-50."""
    return SENet((3, 4, 6, 3), SE_RESNET, classes)


def se_resnet101(classes: int = 1000) -> SENet:
    """SE-ResNet-101."""
    return SENet((3, 4, 23, 3), SE_RESNET, classes)


def se_resnext50_32x4d(classes: int = 1000) -> SENet:
    """SE-ResNeXt-50: 32 groups of 4 channels."""
    return SENet((3, 4, 6, 3), SE_RESNEXT, classes)


def senet154(classes: int = 1000) -> SENet:
    """SENet-154, the authors' entry to ILSVRC 2017: 64 groups, a deeper stem."""
    return SENet((3, 8, 36, 3), SENET, classes)
