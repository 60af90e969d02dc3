"""Nets as users write them: none of edgeconv's blocks, every idiom that is about."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PREPROCESSING = {"input_size": (32, 32), "resize": 36}


def seeded(net: nn.Module) -> nn.Module:
    """Values under which no BatchNorm looks untouched and activations stay sane."""
    generator = torch.Generator().manual_seed(3)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) * 0.1)
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
    net.preprocessing = PREPROCESSING
    return net


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1,
            act: type[nn.Module] = nn.ReLU) -> nn.Sequential:  # fmt: skip
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        act(),
    )


class OptionA(nn.Module):
    """A CIFAR ResNet's shortcut: every second pixel, and zeros for the new channels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = conv_bn(inputs, outputs, stride=stride)
        self.second = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.stride, self.more = stride, (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.stride != 1:
            shortcut = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
        return F.relu(self.second(self.first(x)) + shortcut)


class CifarResNet(nn.Module):
    def __init__(self, num_classes: int = 10, width: int = 8) -> None:
        super().__init__()
        self.stem = conv_bn(3, width)
        self.blocks = nn.Sequential(
            OptionA(width, width, 1), OptionA(width, 2 * width, 2), OptionA(2 * width, 4 * width, 2)
        )
        self.linear = nn.Linear(4 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        out = self.blocks(self.stem(x))
        out = F.avg_pool2d(out, out.size()[3])
        return self.linear(out.view(out.size(0), -1))


class GhostModule(nn.Module):
    """Half of the features computed, the other half made of them by a cheap convolution."""

    def __init__(self, inputs: int, outputs: int, relu: bool = True) -> None:
        super().__init__()
        act = nn.ReLU if relu else nn.Identity
        self.outputs = outputs
        self.primary = conv_bn(inputs, -(-outputs // 2), 1, act=act)
        self.cheap = conv_bn(
            -(-outputs // 2), -(-outputs // 2), 3, groups=-(-outputs // 2), act=act
        )

    def forward(self, x: Tensor) -> Tensor:
        first = self.primary(x)
        return torch.cat([first, self.cheap(first)], dim=1)[:, : self.outputs]


class HardSigmoidSE(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.expand = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.expand(F.relu(self.reduce(F.adaptive_avg_pool2d(x, 1))))
        return x * (F.relu6(gate + 3.0) / 6.0)


class GhostNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 8, stride=2)
        self.expand = GhostModule(8, 25)
        self.down = conv_bn(25, 25, stride=2, groups=25, act=nn.Identity)
        self.se = HardSigmoidSE(25)
        self.project = GhostModule(25, 12, relu=False)
        self.shortcut = nn.Sequential(
            conv_bn(8, 8, stride=2, groups=8, act=nn.Identity), conv_bn(8, 12, 1, act=nn.Identity)
        )
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.project(self.se(self.down(self.expand(x)))) + self.shortcut(x)
        return self.classifier(self.pool(x).flatten(1))


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, factor: int) -> None:
        super().__init__()
        wide = inputs * factor
        self.residual = inputs == outputs and stride == 1
        self.layers = nn.Sequential(
            conv_bn(inputs, wide, 1),
            conv_bn(wide, wide, kernel, stride, wide),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + x if self.residual else self.layers(x)


class MnasNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_bn(3, 8, stride=2),
            conv_bn(8, 8, groups=8),
            nn.Conv2d(8, 8, 1, bias=False),
            nn.BatchNorm2d(8),
            InvertedResidual(8, 12, 3, 2, 3),
            InvertedResidual(12, 12, 5, 1, 3),
            InvertedResidual(12, 16, 5, 2, 6),
            conv_bn(16, 32, 1),
        )
        self.classifier = nn.Sequential(nn.Dropout(p=0.2, inplace=True), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.layers(x).mean([2, 3]))


class UNet(nn.Module):
    """Up by bilinear and nearest resizing and by a transposed convolution; every pixel a class."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([conv_bn(3, 8), conv_bn(8, 12), conv_bn(12, 16)])
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.middle = conv_bn(16, 16)
        self.up = nn.ConvTranspose2d(16, 16, 2, 2)
        self.join = nn.ModuleList([conv_bn(32, 12), conv_bn(24, 8), conv_bn(16, 8)])
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for layer in self.down:
            x = layer(x)
            kept.append(x)
            x = self.pool(x)
        x = self.join[0](torch.cat([self.up(self.middle(x)), kept[2]], 1))
        x = F.interpolate(x, size=kept[1].shape[2:], mode="bilinear", align_corners=False)
        x = self.join[1](torch.cat([x, kept[1]], 1))
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = self.join[2](torch.cat([x, kept[0]], 1))
        return self.head(x)


class UNetAligned(nn.Module):
    """Upsample modules with aligned corners, and a 3 x 3 transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(conv_bn(3, 8, stride=2), conv_bn(8, 16, stride=2))
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.smooth = conv_bn(16, 8)
        self.last = nn.ConvTranspose2d(8, 3, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.last(self.smooth(self.up(self.down(x)))))


class LrnNet(nn.Module):
    """AlexNet's ways: local response normalization, overlapping pools."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 5, 2, 2),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(5, alpha=1e-2, beta=0.75, k=2.0),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(16, 24, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(3),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        )
        self.head = nn.Linear(24 * 3 * 3, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.flatten(self.features(x), 1))


class OddPools(nn.Module):
    """Adaptive pooling to sizes that do not divide the image's."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 8, stride=2)
        self.average = nn.AdaptiveAvgPool2d((7, 5))
        self.largest = nn.AdaptiveMaxPool2d((3, 3))
        self.heads = nn.ModuleList([nn.Linear(8 * 7 * 5, 10), nn.Linear(8 * 3 * 3, 10)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        smooth, peaks = torch.flatten(self.average(x), 1), torch.flatten(self.largest(x), 1)
        return self.heads[0](smooth) + self.heads[1](peaks)


class Shuffles(nn.Module):
    """PyTorch's own shuffles, of channels and of pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 12, stride=2)
        self.grouped = conv_bn(12, 12, groups=3)
        self.shuffle = nn.ChannelShuffle(3)
        self.again = conv_bn(12, 12, groups=3)
        self.wide = nn.Conv2d(12, 16, 3, padding=1)
        self.larger = nn.PixelShuffle(2)
        self.smaller = nn.PixelUnshuffle(2)
        self.last = nn.Conv2d(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.shuffle(self.grouped(self.stem(x))))
        x = self.larger(F.relu(self.wide(x)))
        return self.last(self.smaller(x)).mean((2, 3))


class Activations(nn.Module):
    """Every activation people use, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        kinds = (
            nn.ReLU6(), nn.Hardtanh(), nn.Hardtanh(-2.0, 2.0), nn.LeakyReLU(0.1), nn.PReLU(),
            nn.PReLU(8), nn.ELU(), nn.SiLU(), nn.Mish(), nn.Hardswish(), nn.Hardsigmoid(),
            nn.Softplus(), nn.GELU(), nn.GELU("tanh"), nn.Tanh(), nn.Sigmoid(), nn.Softsign(),
        )  # fmt: skip
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.layers = nn.ModuleList(
            nn.Sequential(act, nn.Conv2d(8, 8, 3, padding=1)) for act in kinds
        )
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x.mean((2, 3)))


class ChannelsLastNorm(nn.Module):
    """LayerNorm over the channels of an image, as ConvNeXt's stem and downsampling have it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.wide = nn.Linear(channels, 4 * channels)
        self.narrow = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x).permute(0, 2, 3, 1)
        y = self.gamma * self.narrow(F.gelu(self.wide(self.norm(y))))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 4, 4),  # 8 x 8 x 8: the shape does not tell which axis is which
            ChannelsLastNorm(8),
            ConvNeXtBlock(8),
            ChannelsLastNorm(8),
            nn.Conv2d(8, 16, 2, 2),
            ConvNeXtBlock(16),
        )
        self.norm = nn.LayerNorm(16, eps=1e-6)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.layers(x).mean([-2, -1])))


class OtherNorms(nn.Module):
    """The normalizations that do not fold: over groups of channels, over each image."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.GroupNorm(4, 8),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, 2, 1),
            nn.InstanceNorm2d(12, affine=True),
            nn.ReLU(),
            nn.Conv2d(12, 12, 3, padding=1),
            nn.InstanceNorm2d(12),
            nn.GroupNorm(1, 12),
            nn.ReLU(),
        )
        self.head = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).mean((2, 3)))


class Reshaping(nn.Module):
    """Split, chunk, stack, unbind, narrow, flip, view, flatten, unflatten, squeeze, permute."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 12, stride=2)
        self.paths = nn.ModuleList([conv_bn(4, 4), conv_bn(4, 4), conv_bn(4, 4)])
        self.mix = conv_bn(12, 12, 1)
        self.head = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        first, second, third = torch.split(x, [4, 4, 4], dim=1)
        pair = torch.stack([self.paths[0](first), self.paths[1](second)], dim=1)
        left, right = pair.unbind(1)
        x = self.mix(torch.cat([left + right, left.narrow(1, 0, 4), self.paths[2](third)], 1))
        upper, lower = x.chunk(2, dim=1)
        x = torch.cat([lower, upper.flip(3)], dim=1)
        rows = x.flatten(2).permute(0, 2, 1)
        x = rows.transpose(1, 2).unflatten(2, (16, 16)).contiguous()
        x = x.view(x.shape[0], 2, 6, 16, 16).sum(1) + x[:, :6].unsqueeze(2).squeeze(2)
        return self.head(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))


class Gates(nn.Module):
    """Attention as people write it: SE with expand_as, CBAM, ECA; a unit embedding at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 8, stride=2)
        self.squeeze = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 8), nn.Sigmoid())
        self.spatial = nn.Conv2d(2, 1, 7, padding=3)
        self.channel = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.coordinates = nn.Conv2d(10, 8, 3, padding=2, padding_mode="replicate")
        self.mix = nn.Conv2d(16, 8, 1)
        self.embed = nn.Linear(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        n, c, h, w = x.size()
        x = x * self.squeeze(F.adaptive_avg_pool2d(x, 1).view(n, c)).view(n, c, 1, 1).expand_as(x)
        seen = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)
        x = x * torch.sigmoid(self.spatial(seen))
        pooled = F.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose(-1, -2)
        x = x * self.channel(pooled).transpose(-1, -2).unsqueeze(-1).sigmoid()
        rows = torch.linspace(-1, 1, h).view(1, 1, h, 1).expand(n, 1, h, w)
        columns = torch.linspace(-1, 1, w).view(1, 1, 1, w).expand(n, 1, h, w)
        x = self.coordinates(torch.cat([x, rows, columns], 1))
        x = self.mix(x.repeat(1, 2, 1, 1)) + torch.roll(x[:, :, :16, :16], 2, 3).mean()
        return F.normalize(self.embed(x.mean((2, 3))), dim=1)


class Oddments(nn.Module):
    """Slices to depth, circular padding, picked channels, GLU, odd factors, generalized means."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(12, 8)
        self.around = nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular")
        self.context = nn.Conv2d(8, 8, 1)
        self.mix = conv_bn(16, 8, 1)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        corners = [x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)]
        x = self.stem(torch.cat(corners, 1))
        x = self.around(x[:, [0, 3, 5, 6, 2, 7, 1, 4]])
        whole = self.context(F.adaptive_avg_pool2d(x, 1))
        whole = F.interpolate(whole, size=x.shape[-2:], mode="bilinear", align_corners=False)
        x = self.mix(torch.cat([x, whole], 1))
        x = x * F.softmax(x, dim=1)
        x = F.interpolate(x, scale_factor=1.5, mode="bilinear")
        x = torch.cat([F.glu(x, 1), F.interpolate(x, size=(24, 24), mode="area")[:, 4:]], 1)
        x = F.avg_pool2d(x.clamp(min=1e-3).pow(3.0), x.shape[-2:]).pow(1 / 3)
        return self.head(x.flatten(1)).sub(1.0).abs()


class SeveralOutputs(nn.Module):
    """A detector's ways: features of several sizes under names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv_bn(3, 8, stride=2)
        self.second = conv_bn(8, 8, stride=2)
        self.scores = nn.Conv2d(8, 5, 1)
        self.boxes = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        first = self.first(x)
        second = self.second(first)
        return {"scores": self.scores(second), "boxes": self.boxes(first)}


def cifar_resnet(num_classes: int = 10, width: int = 8) -> nn.Module:
    return seeded(CifarResNet(num_classes, width))


def ghostnet() -> nn.Module:
    return seeded(GhostNet())


def mnasnet() -> nn.Module:
    return seeded(MnasNet())


def unet() -> nn.Module:
    return seeded(UNet())


def unet_aligned() -> nn.Module:
    return seeded(UNetAligned())


def lrn_net() -> nn.Module:
    return seeded(LrnNet())


def odd_pools() -> nn.Module:
    return seeded(OddPools())


def shuffles() -> nn.Module:
    return seeded(Shuffles())


def activations() -> nn.Module:
    return seeded(Activations())


def convnext() -> nn.Module:
    return seeded(ConvNeXt())


def other_norms() -> nn.Module:
    return seeded(OtherNorms())


def reshaping() -> nn.Module:
    return seeded(Reshaping())


def gates() -> nn.Module:
    return seeded(Gates())


def oddments() -> nn.Module:
    return seeded(Oddments())


def several_outputs() -> nn.Module:
    return seeded(SeveralOutputs())
