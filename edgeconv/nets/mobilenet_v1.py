"""MobileNetV1.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
https://arxiv.org/abs/1704.04861, Table 1.

Deviation from the paper, as in the authors' TensorFlow code, whose weights need it: ReLU6 in place
of ReLU. BatchNorm's epsilon is PyTorch's 1e-5; TensorFlow's is 1e-3, so weights from there must
have the difference added to their variances.
"""

from __future__ import annotations

from torch import Tensor, nn

from edgeconv.nets.blocks import (
    calm_batch_norm,
    classifier,
    conv_bn_act,
    global_average,
    initialise,
)

_STEM_CHANNELS = 32
_LAYERS = (  # output channels at width 1, stride of the depthwise convolution
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)


class MobileNetV1(nn.Module):
    """A stem and thirteen depthwise separable convolutions.

    Keys: `features.0.{0,1}` are the stem's convolution and BatchNorm, `features.K.0.{0,1}` and
    `features.K.1.{0,1}` those of layer K's depthwise and pointwise half, `classifier.1` the last.
    """

    def __init__(self, classes: int = 1000, width: float = 1.0, padding: str = "symmetric") -> None:
        super().__init__()
        same = padding == "same"
        channels = int(_STEM_CHANNELS * width)
        layers: list[nn.Module] = [
            conv_bn_act(3, channels, stride=2, same=same, norm=calm_batch_norm)
        ]
        for wide, stride in _LAYERS:
            out = int(wide * width)
            layers.append(_separable(channels, out, stride, same))
            channels = out
        self.features = nn.Sequential(*layers)
        self.classifier = classifier(channels, classes, dropout=0.001)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(global_average(self.features(x)))
        return logits


def _separable(channels: int, out: int, stride: int, same: bool) -> nn.Sequential:
    depthwise = conv_bn_act(
        channels, channels, stride=stride, groups=channels, same=same, norm=calm_batch_norm
    )
    return nn.Sequential(depthwise, conv_bn_act(channels, out, 1, norm=calm_batch_norm))


def mobilenet_v1(
    classes: int = 1000, width: float = 1.0, padding: str = "symmetric"
) -> MobileNetV1:
    """MobileNetV1; `padding` is "symmetric" or "same" (TensorFlow's)."""
    return MobileNetV1(classes, width, padding)
