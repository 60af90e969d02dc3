"""Semantic segmentation on MobileNetV3-Large and ResNet-50: LR-ASPP, DeepLabV3 and FCN.

- LR-ASPP: Howard et al., "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244, Fig. 10.
- DeepLabV3: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation",
  https://arxiv.org/abs/1706.05587, Fig. 5, with rates of 12, 24 and 36.
- FCN: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation",
  https://arxiv.org/abs/1411.4038.

Parameter names are torchvision's. Every net gives the logits of each pixel of its input, which a
bilinear enlargement makes of a map at an eighth or a sixteenth. The auxiliary classifiers that only
training runs are not built; published weights may have them or not.

Deviations from the papers, as in torchvision, whose weights need them: LR-ASPP pools the whole map
where the paper's pool strides; FCN's backbone dilates instead of striding, and there are no skips.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.nets.blocks import conv_bn_act, initialise
from edgeconv.nets.mobilenet_v3 import large_backbone
from edgeconv.nets.published_state import TakesPublishedState
from edgeconv.nets.resnet import Bottleneck, ResNetBody

_MOBILENET_CHANNELS = 960
_RESNET_CHANNELS = 2048
_LOW_LAYER = 4  # the first of MobileNetV3-Large at an eighth of the resolution
_LOW_CHANNELS = 40
_LR_ASPP_CHANNELS = 128
_ASPP_CHANNELS = 256
_RATES = (12, 24, 36)


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """(N, C, h, w) at the height and width of another map, bilinear."""
    height, width = int(like.shape[2]), int(like.shape[3])
    return functional.interpolate(x, (height, width), mode="bilinear", align_corners=False)


class LRASPPHead(nn.Module):
    """Gates the deep map by its average and adds classifiers of it and of a shallow map."""

    def __init__(self, low: int, high: int, classes: int) -> None:
        super().__init__()
        self.cbr = conv_bn_act(high, _LR_ASPP_CHANNELS, 1, activation=nn.ReLU)
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(high, _LR_ASPP_CHANNELS, 1, bias=False), nn.Sigmoid()
        )
        self.low_classifier = nn.Conv2d(low, classes, 1)
        self.high_classifier = nn.Conv2d(_LR_ASPP_CHANNELS, classes, 1)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """Map (N, low, H, W) and (N, high, h, w) to (N, classes, H, W)."""
        gated = self.cbr(high) * self.scale(high)
        scores: Tensor = self.low_classifier(low) + self.high_classifier(enlarged(gated, low))
        return scores


class LRASPP(nn.Module):
    """MobileNetV3-Large and an LR-ASPP head."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = large_backbone(dilated=True)
        self.classifier = LRASPPHead(_LOW_CHANNELS, _MOBILENET_CHANNELS, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes, H, W)."""
        low = self.backbone[: _LOW_LAYER + 1](x)
        high = self.backbone[_LOW_LAYER + 1 :](low)
        return enlarged(self.classifier(low, high), x)


class ASPPPooling(nn.Sequential):
    """What the average of the whole map says, at every place."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1), *conv_bn_act(channels, _ASPP_CHANNELS, 1, activation=nn.ReLU)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, _ASPP_CHANNELS, H, W)."""
        pooled = x
        for layer in self:
            pooled = layer(pooled)
        return enlarged(pooled, x)


class ASPP(nn.Module):
    """Convolutions at several rates beside each other, and the map's average."""

    def __init__(self, channels: int) -> None:
        super().__init__()

        def branch(kernel: int, rate: int = 1) -> nn.Sequential:
            return conv_bn_act(channels, _ASPP_CHANNELS, kernel, dilation=rate, activation=nn.ReLU)

        self.convs = nn.ModuleList(
            [branch(1), *(branch(3, rate) for rate in _RATES), ASPPPooling(channels)]
        )
        joined = len(self.convs) * _ASPP_CHANNELS
        self.project = nn.Sequential(
            *conv_bn_act(joined, _ASPP_CHANNELS, 1, activation=nn.ReLU), nn.Dropout(0.5)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, _ASPP_CHANNELS, H, W)."""
        projected: Tensor = self.project(torch.cat([conv(x) for conv in self.convs], dim=1))
        return projected


def _deeplab_head(channels: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        ASPP(channels),
        *conv_bn_act(_ASPP_CHANNELS, _ASPP_CHANNELS, activation=nn.ReLU),
        nn.Conv2d(_ASPP_CHANNELS, classes, 1),
    )


def _fcn_head(channels: int, classes: int) -> nn.Sequential:
    inner = channels // 4
    return nn.Sequential(
        *conv_bn_act(channels, inner, activation=nn.ReLU),
        nn.Dropout(0.1),
        nn.Conv2d(inner, classes, 1),
    )


class _DilatedResNet50(ResNetBody):
    """ResNet-50 at an eighth of the resolution, without its classifier."""

    def __init__(self) -> None:
        super().__init__(Bottleneck, (3, 4, 6, 3), dilated=(3, 4))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, _RESNET_CHANNELS, H / 8, W / 8)."""
        return self.features(x)


class Segmenter(TakesPublishedState):
    """A backbone, a head on its last map, and an enlargement to the input's size."""

    training_only = ("aux_classifier.",)

    def __init__(self, backbone: nn.Module, head: nn.Sequential) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = head
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes, H, W)."""
        return enlarged(self.classifier(self.backbone(x)), x)


def lraspp_mobilenet_v3_large(classes: int = 21) -> LRASPP:
    """LR-ASPP on MobileNetV3-Large at output stride 16."""
    return LRASPP(classes)


def deeplabv3_mobilenet_v3_large(classes: int = 21) -> Segmenter:
    """DeepLabV3 on MobileNetV3-Large at output stride 16."""
    return Segmenter(large_backbone(dilated=True), _deeplab_head(_MOBILENET_CHANNELS, classes))


def deeplabv3_resnet50(classes: int = 21) -> Segmenter:
    """DeepLabV3 on ResNet-50 at output stride 8."""
    return Segmenter(_DilatedResNet50(), _deeplab_head(_RESNET_CHANNELS, classes))


def fcn_resnet50(classes: int = 21) -> Segmenter:
    """FCN on ResNet-50 at output stride 8."""
    return Segmenter(_DilatedResNet50(), _fcn_head(_RESNET_CHANNELS, classes))
