"""Random small modules made of what convolutional nets are made of, one for each seed.

A right exporter passes its own checks on every one of them; use them wherever a claim is about nets
in general. `pytest --nets N` says how many the tests draw.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Size = tuple[int, int]


class Depthwise(nn.Sequential):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU6(),
            nn.Conv2d(channels, out, 1),
        )


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.b(self.a(x)))


class Branches(nn.Module):
    """Two branches side by side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(channels, 5, 1), nn.Conv2d(channels, 7, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.relu(self.a(x)), F.avg_pool2d(self.b(x), 3, 1, 1)], 1)


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, sigmoid: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)
        self.sigmoid = sigmoid

    def forward(self, x: Tensor) -> Tensor:
        return x * self.sigmoid(self.b(F.relu(self.a(x.mean((2, 3), keepdim=True)))))


class SelectiveKernel(nn.Module):
    """Two kernels, and a softmax that weighs them channel by channel (SKNet)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=d, dilation=d) for d in (1, 2)
        )
        self.squeeze = nn.Conv2d(channels, 4, 1)
        self.select = nn.Conv2d(4, 2 * channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        paths = torch.stack([F.relu(path(x)) for path in self.paths], 1)
        pooled = paths.sum(1).mean((2, 3), keepdim=True)
        logits = self.select(F.relu(self.squeeze(pooled)))
        weights = torch.softmax(logits.view(len(x), 2, x.shape[1], 1, 1), 1)
        return (paths * weights).sum(1)


class SplitAttention(nn.Module):
    """One grouped convolution, its halves weighed against each other (ResNeSt)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 2 * channels, 3, padding=1, groups=2)
        self.a, self.b = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, 2 * channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        halves = F.relu(self.conv(x)).view(len(x), 2, x.shape[1], *x.shape[2:])
        pooled = halves.sum(1).mean((2, 3), keepdim=True)
        logits = self.b(F.relu(self.a(pooled))).view(len(x), 1, 2, -1).transpose(1, 2)
        weights = torch.softmax(logits, 1).reshape(len(x), 2, x.shape[1], 1, 1)
        return (halves * weights).sum(1)


class PoolMixer(nn.Module):
    """x plus what its neighbourhood lies from it (PoolFormer)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.scale = nn.Parameter(torch.full((channels, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        return x + (F.avg_pool2d(y, 3, 1, 1, count_include_pad=False) - y) * self.scale


class Gated(nn.Module):
    """A convolution of some channels, a gate of the others (MambaOut)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.width = channels
        self.inner = nn.Conv2d(channels, 4 * channels, 1)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.outer = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate, kept, mixed = self.inner(x).split([2 * self.width, self.width, self.width], 1)
        return x + self.outer(F.gelu(gate) * torch.cat([kept, self.conv(mixed)], 1))


class LayerNorm2d(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Resize(nn.Module):
    def __init__(self, size: Size, mode: str, align_corners: bool | None) -> None:
        super().__init__()
        self.size, self.mode, self.align_corners = size, mode, align_corners

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, self.size, mode=self.mode, align_corners=self.align_corners)


class Detector(nn.Module):
    """Boxes in pixels and scores in 0..1, joined to one output; in the order of YOLO's heads."""

    def __init__(self, channels: int, last: bool) -> None:
        super().__init__()
        self.boxes, self.scores = nn.Conv2d(channels, 4, 1), nn.Conv2d(channels, 3, 1)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        found = [self.boxes(x).flatten(2) * 100, torch.sigmoid(self.scores(x).flatten(2))]
        joined = torch.cat(found, 1)
        return joined.transpose(1, 2) if self.last else joined


class Map(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class RandomNet(nn.Module):
    """A stem, some blocks, and one to three heads, each an output of its own.

    Attributes:
        size: height and width of its input.
        words: what it is made of, for messages.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        draw = random.Random(seed)
        torch.manual_seed(seed)
        self.size: Size = (draw.randrange(20, 40), draw.randrange(20, 40))
        channels = draw.choice([6, 8, 12])
        self.words: list[str] = []
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, draw.choice([1, 2]), 1, bias=False),
            nn.BatchNorm2d(channels),
            _activation(draw, channels),
        )
        self.blocks = nn.ModuleList()
        with torch.no_grad():
            x = self.stem.eval()(torch.zeros(1, 3, *self.size))
            for _ in range(draw.randrange(1, 5)):
                word = draw.choice(sorted(BLOCKS))
                block = BLOCKS[word](draw, x.shape[1], (x.shape[2], x.shape[3])).eval()
                x = block(x)
                self.words.append(word)
                self.blocks.append(block)
            self.heads = nn.ModuleList()
            for _ in range(draw.choice([1, 1, 2, 3])):
                word = draw.choice(sorted(HEADS))
                self.words.append(word)
                self.heads.append(HEADS[word](draw, x.shape[1], (x.shape[2], x.shape[3])).eval())
        _fill_norms(self, seed)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        found = tuple(head(x) for head in self.heads)
        return found if len(found) > 1 else found[0]


def random_net(seed: int) -> RandomNet:
    """The net of a seed, in evaluation mode."""
    return RandomNet(seed).eval()


def _fill_norms(net: nn.Module, seed: int) -> None:
    """BatchNorm statistics as training leaves them: neither 0 nor 1."""
    drawn = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            shape = module.running_mean.shape
            module.running_mean.copy_(0.1 * torch.randn(shape, generator=drawn))
            module.running_var.copy_(0.5 + torch.rand(shape, generator=drawn))


def _activation(draw: random.Random, channels: int) -> nn.Module:
    return draw.choice(
        [
            nn.ReLU(),
            nn.ReLU6(),
            nn.PReLU(channels, 0.3),
            nn.PReLU(1, -0.3),
            nn.LeakyReLU(0.1),
            nn.Hardswish(),
            nn.SiLU(),
            nn.GELU(),
            nn.Identity(),
        ]
    )


def _resize(draw: random.Random, size: Size) -> nn.Module:
    new = (draw.randrange(1, 2 * size[0] + 1), draw.randrange(1, 2 * size[1] + 1))
    if draw.random() < 0.3:
        return Resize((2 * size[0], 2 * size[1]), "nearest", None)
    return Resize(new, "bilinear", draw.random() < 0.5)


Block = Callable[[random.Random, int, Size], nn.Module]

BLOCKS: dict[str, Block] = {
    "conv": lambda d, c, s: nn.Sequential(
        nn.Conv2d(c, d.choice([4, 9, 16]), d.choice([1, 3, 5]), d.choice([1, 2]), 2)
    ),
    "grouped": lambda d, c, s: nn.Conv2d(c, 2 * c, 3, padding=1, groups=c),
    "depthwise": lambda d, c, s: Depthwise(c, d.choice([6, 10])),
    "residual": lambda d, c, s: Residual(c),
    "branches": lambda d, c, s: Branches(c),
    "squeeze-excite": lambda d, c, s: SqueezeExcite(c, d.choice([torch.sigmoid, F.hardsigmoid])),
    "selective kernel": lambda d, c, s: SelectiveKernel(c),
    "split attention": lambda d, c, s: SplitAttention(c) if c % 2 == 0 else nn.Identity(),
    "pool mixer": lambda d, c, s: PoolMixer(c),
    "gated": lambda d, c, s: Gated(c),
    "layer norm": lambda d, c, s: nn.Sequential(LayerNorm2d(c), nn.Conv2d(c, 8, 1)),
    "group norm": lambda d, c, s: nn.Sequential(nn.GroupNorm(1, c), nn.ReLU()),
    "max pool": lambda d, c, s: nn.MaxPool2d(3, 2, 1),
    "average pool": lambda d, c, s: nn.AvgPool2d(3, 1, 1),
    "adaptive pool": lambda d, c, s: nn.AdaptiveAvgPool2d((4, 6)),
    "activation": lambda d, c, s: _activation(d, c),
    "resize": lambda d, c, s: _resize(d, s),
    "transposed": lambda d, c, s: nn.ConvTranspose2d(c, 6, 2, 2),
    "shuffle": lambda d, c, s: nn.ChannelShuffle(2) if c % 2 == 0 else nn.Identity(),
    "channels last": lambda d, c, s: Map(
        lambda x: torch.sigmoid(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    ),
}
HEADS: dict[str, Block] = {
    "classes": lambda d, c, s: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, d.choice([2, 10]))
    ),
    "flattened": lambda d, c, s: nn.Sequential(
        nn.AdaptiveMaxPool2d((2, 3)), nn.Flatten(), nn.Linear(6 * c, 7)
    ),
    "pooled twice": lambda d, c, s: nn.Sequential(
        Map(lambda x: torch.cat([x.mean((2, 3)), F.adaptive_avg_pool2d(x, 2).flatten(1)], 1)),
        nn.Linear(5 * c, 6),
    ),
    "map": lambda d, c, s: nn.Conv2d(c, 5, 1),
    "detector": lambda d, c, s: Detector(c, d.random() < 0.5),
    "mean of a row": lambda d, c, s: nn.Sequential(
        Map(lambda x: x.mean(-1).amax(-1)), nn.Linear(c, 4)
    ),
    "tokens": lambda d, c, s: nn.Sequential(
        Map(lambda x: x.flatten(2).transpose(1, 2)), nn.Linear(c, 3)
    ),
    "embedding": lambda d, c, s: Map(lambda x: x.amax((2, 3))),
    "probabilities": lambda d, c, s: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 5), nn.Softmax(1)
    ),
    "one number": lambda d, c, s: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 1)
    ),
}
