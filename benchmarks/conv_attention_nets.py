"""Small nets of convolutions and attention, as a user's file would hold them.

`small_linear`: linear attention between inverted residuals, Cai et al., "EfficientViT: Multi-Scale
Linear Attention for High-Resolution Dense Prediction", https://arxiv.org/abs/2205.14756.
`small_mobilevit`: transformers over the pixels of a place in every patch, Mehta and Rastegari,
"MobileViT", https://arxiv.org/abs/2110.02178. Both take 48 x 48 pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 176


def conv(
    channels: int,
    out: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    act: Callable[[], nn.Module] = nn.Identity,
) -> nn.Sequential:
    """Convolution, BatchNorm, activation; the size is kept up to the stride."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out), act())


class Inverted(nn.Module):
    """Wider, by its places, narrower; added to its input where that has the same shape."""

    def __init__(self, channels: int, out: int, stride: int, act: Callable[[], nn.Module]) -> None:
        super().__init__()
        wide = 4 * channels
        self.layers = nn.Sequential(
            conv(channels, wide, act=act),
            conv(wide, wide, 3, stride, wide, act=act),
            conv(wide, out),
        )
        self.adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, H / stride, W / stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.adds else y


class LinearAttention(nn.Module):
    """relu(q) (relu(k)' v), divided by relu(q) (relu(k)' 1), at two scales of q, k and v."""

    def __init__(self, channels: int, dim: int = 8) -> None:
        super().__init__()
        self.dim = dim
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.nearby = nn.Sequential(
            nn.Conv2d(3 * channels, 3 * channels, 5, padding=2, groups=3 * channels, bias=False),
            nn.Conv2d(3 * channels, 3 * channels, 1, groups=3 * channels // dim, bias=False),
        )
        self.project = conv(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        batch, _, height, width = x.shape
        qkv = self.qkv(x)
        both = torch.cat([qkv, self.nearby(qkv)], 1)
        rows = both.reshape(batch, -1, 3 * self.dim, height * width).transpose(2, 3)
        q, k, v = rows.chunk(3, dim=3)
        q, k = functional.relu(q), functional.relu(k)
        sums = q @ (k.transpose(2, 3) @ functional.pad(v, (0, 1), value=1.0))
        out = sums[..., :-1] / (sums[..., -1:] + 1e-5)
        mixed = out.transpose(2, 3).reshape(batch, -1, height, width)
        projected: Tensor = self.project(mixed)
        return x + projected


class Patches(nn.Module):
    """A transformer over the pixels of each place in patches of 2 x 2, between convolutions."""

    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.before = nn.Sequential(
            conv(channels, channels, 3, act=nn.SiLU), nn.Conv2d(channels, width, 1, bias=False)
        )
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)), nn.LayerNorm(width))
        self.after = conv(width, channels, act=nn.SiLU)
        self.fused = conv(2 * channels, channels, 3, act=nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        y = self.before(x)
        batch, width, height, across = y.shape
        rows, columns = height // 2, across // 2
        y = y.reshape(batch * width * rows, 2, columns, 2).transpose(1, 2)
        y = y.reshape(batch, width, rows * columns, 4).transpose(1, 3)
        y = self.blocks(y.reshape(batch * 4, rows * columns, width))
        y = y.reshape(batch, 4, rows * columns, width).transpose(1, 3)
        y = y.reshape(batch * width * rows, columns, 2, 2).transpose(1, 2)
        y = self.after(y.reshape(batch, width, height, across))
        fused: Tensor = self.fused(torch.cat((x, y), 1))
        return fused


class Block(nn.Module):
    """Attention of two heads, then two fully connected layers, each normalized first and added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, places, width) to the same shape."""
        batch, places, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, places, 3, 2, width // 2)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        y = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.project(y.transpose(1, 2).reshape(batch, places, width))
        added: Tensor = x + self.mlp(self.norm2(x))
        return added


def small_linear(classes: int = CLASSES) -> nn.Sequential:
    """Hard-swish and linear attention, with seeded values of torch's."""
    act = nn.Hardswish
    stages: list[nn.Module] = [
        conv(3, 16, 3, 2, act=act),
        Inverted(16, 32, 2, act),
        *(LinearAttention(32), Inverted(32, 32, 1, act)),
        Inverted(32, 64, 2, act),
        *(LinearAttention(64), Inverted(64, 64, 1, act)),
        *(LinearAttention(64), Inverted(64, 64, 1, act)),
    ]
    head = (conv(64, 128, act=act), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*stages, *head, nn.Linear(128, classes))


def small_mobilevit(classes: int = CLASSES) -> nn.Sequential:
    """Swishes and transformers over patches, with seeded values of torch's."""
    act = nn.SiLU
    stages: list[nn.Module] = [
        conv(3, 16, 3, 2, act=act),
        Inverted(16, 32, 2, act),
        *(Inverted(32, 32, 1, act), Patches(32, 48, 2)),
        Inverted(32, 48, 2, act),
        conv(48, 96, act=act),
    ]
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, classes))
    return nn.Sequential(*stages, *head)
