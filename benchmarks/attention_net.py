"""A small net of attention, as a user's file would hold it: `attention_net.py:small_vit`.

Dosovitskiy et al., "An Image is Worth 16x16 Words", https://arxiv.org/abs/2010.11929, with the
convolutional stem of Xiao et al., "Early Convolutions Help Transformers See Better",
https://arxiv.org/abs/2106.14881, in place of the patches, and the mean of the tokens in place of a
class token: four blocks of width 64 over the 36 places of a 48 x 48 image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 64
BLOCKS = 4
HEADS = 2
PLACES = 36
"""Of 48 x 48 pixels at stride 8."""


class Attention(nn.Module):
    """Scaled dot products of every place with every other."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.project = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, PLACES, WIDTH) to the same shape."""
        batch, places, _ = x.shape
        parts = self.qkv(x).reshape(batch, places, 3, HEADS, WIDTH // HEADS)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        y = functional.scaled_dot_product_attention(q, k, v)
        projected: Tensor = self.project(y.transpose(1, 2).reshape(batch, places, WIDTH))
        return projected


class Block(nn.Module):
    """Attention, then two fully connected layers, each normalized first and added."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, PLACES, WIDTH) to the same shape."""
        x = x + self.attention(self.norm1(x))
        added: Tensor = x + self.mlp(self.norm2(x))
        return added


class SmallViT(nn.Module):
    """Three strided convolutions, blocks of attention, and a classifier of the mean."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for out in (WIDTH // 4, WIDTH // 2, WIDTH):
            conv = nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
        self.stem = nn.Sequential(*layers[:-1])
        self.positions = nn.Parameter(torch.randn(1, PLACES, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, 48, 48) to logits (N, classes)."""
        x = self.stem(x).flatten(2).transpose(1, 2) + self.positions
        logits: Tensor = self.head(self.norm(self.blocks(x)).mean(1))
        return logits


def small_vit(classes: int = 176) -> SmallViT:
    """The net with seeded values of torch's."""
    return SmallViT(classes)
