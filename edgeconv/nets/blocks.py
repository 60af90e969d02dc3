"""Building blocks shared by the families, each defined once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

_RESIDUAL_FACTOR = 0.25


def round_channels(channels: float, divisor: int = 8) -> int:
    """Round a scaled channel count to a multiple of `divisor`, never losing more than a tenth.

    The rule of the MobileNet authors' TensorFlow code, which fixes every published width.
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Pixels TensorFlow's SAME adds (before, after) an axis so that output = ceil(size / stride).

    An odd amount puts the extra pixel after: a stride-2 3 x 3 convolution on an even size pads
    (0, 1), on an odd size (1, 1).
    """
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """Conv2d padded as TensorFlow's SAME.

    The amounts are Python integers from the static input shape, so that a capture sees a constant
    Pad (or plain convolution padding where both sides agree) and no shape arithmetic.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W) into (N, C', ceil(H / stride), ceil(W / stride))."""
        top, bottom = self._amounts(int(x.shape[-2]), 0)
        left, right = self._amounts(int(x.shape[-1]), 1)
        padding = (top, left)
        if top != bottom or left != right:
            x = functional.pad(x, (left, right, top, bottom))
            padding = (0, 0)
        return functional.conv2d(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _amounts(self, size: int, axis: int) -> tuple[int, int]:
        return same_padding(size, self.kernel_size[axis], self.stride[axis], self.dilation[axis])


def conv_bn_act(
    in_channels: int,
    out_channels: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    activation: type[nn.Module] | None = nn.ReLU6,
    same: bool = False,
    epsilon: float = 1e-5,
    norm: Callable[[int, float], nn.BatchNorm2d] = nn.BatchNorm2d,
) -> nn.Sequential:
    """Convolution without bias, BatchNorm, activation, with the keys 0 and 1 torchvision gives.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        kernel: side of the square kernel.
        stride: of the convolution.
        dilation: distance between the kernel's taps.
        groups: of the convolution.
        activation: its class, or None for a linear block.
        same: pad as TensorFlow's SAME instead of dilation * (kernel - 1) / 2 on every side.
        epsilon: of BatchNorm; 1e-5 is PyTorch's.
        norm: makes the BatchNorm from its channels and epsilon.
    """
    conv_class = SameConv2d if same else nn.Conv2d
    conv = conv_class(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        padding=0 if same else dilation * (kernel - 1) // 2,
        dilation=dilation,
        groups=groups,
        bias=False,
    )
    layers: list[nn.Module] = [conv, norm(out_channels, epsilon)]
    if activation is not None:
        layers.append(activation())
    return nn.Sequential(*layers)


class SqueezeExcitation(nn.Module):
    """Scales every channel by a factor the whole image decides.

    Hu et al., "Squeeze-and-Excitation Networks", https://arxiv.org/abs/1709.01507, Fig. 2. The two
    fully connected layers are 1 x 1 convolutions called `fc1` and `fc2`, as torchvision and timm
    call them.
    """

    def __init__(
        self,
        channels: int,
        squeezed: int,
        *,
        activation: type[nn.Module] = nn.ReLU,
        gate: type[nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation()
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape, each channel times its gate."""
        squeezed = self.activation(self.fc1(functional.adaptive_avg_pool2d(x, 1)))
        scaled: Tensor = x * self.gate(self.fc2(squeezed))
        return scaled


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Deal the channels of (N, C, H, W) out anew: channel n of group g becomes n * groups + g.

    Zhang et al., "ShuffleNet", https://arxiv.org/abs/1707.01083, section 3.1.
    """
    batch, channels, height, width = (int(size) for size in x.shape)
    x = x.view(batch, groups, channels // groups, height, width)
    return x.transpose(1, 2).reshape(batch, channels, height, width)


def residual_norm(channels: int, epsilon: float = 1e-5) -> nn.BatchNorm2d:
    """The BatchNorm that ends a residual branch; it starts by damping the branch.

    In an untrained net whose branches weigh as much as its shortcuts, rounding errors grow with
    every block: float32 alone is off by 1e-4 of the largest logit after a hundred layers. Goyal et
    al., https://arxiv.org/abs/1706.02677, section 5.1, start training at zero for a like reason.
    """
    norm = nn.BatchNorm2d(channels, eps=epsilon)
    nn.init.constant_(norm.weight, _RESIDUAL_FACTOR)
    return norm


def classifier(channels: int, classes: int, dropout: float) -> nn.Sequential:
    """Dropout and a fully connected layer, whose keys begin with `1.` as in torchvision."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, classes))


def global_average(x: Tensor) -> Tensor:
    """Mean over the pixels: (N, C, H, W) to (N, C)."""
    return torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1)


def calm_batch_norm(channels: int, epsilon: float = 1e-5) -> nn.BatchNorm2d:
    """BatchNorm whose untrained offset lets most values through the ReLU behind it.

    Many layers without shortcuts are chaotic where each ReLU drops half its input: an untrained
    Inception-v3 amplifies a small change three hundredfold at an offset of 0, twelvefold at 1.
    """
    layer = nn.BatchNorm2d(channels, eps=epsilon)
    nn.init.ones_(layer.bias)
    return layer


def initialise(module: nn.Module) -> None:
    """Random values, from torch's generator, that keep an untrained net's activations in range.

    He et al. (https://arxiv.org/abs/1502.01852), fan-in form, which holds for grouped and depthwise
    convolutions too; fully connected layers get variance 1 / fan-in.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
