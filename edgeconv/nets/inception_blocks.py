"""Building blocks the Inception family shares."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgeconv.nets.blocks import calm_batch_norm

Size = int | tuple[int, int]
EPSILON = 1e-3  # of BatchNorm, in every weights file of the family


class ConvBN(nn.Module):
    """Convolution without bias, BatchNorm, ReLU, under the keys `conv` and `bn`."""

    def __init__(
        self, channels: int, out: int, kernel: Size = 1, stride: int = 1, *, valid: bool = False
    ) -> None:
        """Build the block.

        Args:
            channels: channels in.
            out: channels out.
            kernel: side of the kernel, or (height, width).
            stride: of the convolution.
            valid: without padding, as TensorFlow's VALID; else half a kernel on every side.
        """
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (0, 0) if valid else ((height - 1) // 2, (width - 1) // 2)
        self.conv = nn.Conv2d(channels, out, (height, width), stride, padding, bias=False)
        self.bn = calm_batch_norm(out, EPSILON)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, H', W')."""
        rectified: Tensor = self.relu(self.bn(self.conv(x)))
        return rectified


def chain(channels: int, *layers: tuple[int, Size] | tuple[int, Size, int]) -> nn.Sequential:
    """Blocks one after the other, each (channels out, kernel) or (channels out, kernel, stride).

    A block with a stride has no padding, as in the reductions of Inception-v4.
    """
    blocks: list[nn.Module] = []
    for out, kernel, *strides in layers:
        blocks.append(ConvBN(channels, out, kernel, *strides, valid=bool(strides)))
        channels = out
    return nn.Sequential(*blocks)


def pooled(pool: nn.Module, channels: int, out: int) -> nn.Sequential:
    """A pool and a 1 x 1 block, the last branch of most modules."""
    return nn.Sequential(pool, ConvBN(channels, out))


class Concat(nn.Module):
    """Branches that read the same maps, their outputs side by side in the channels."""

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, sum of the branches' channels, H', W')."""
        return torch.cat([branch(x) for branch in self.children()], 1)
