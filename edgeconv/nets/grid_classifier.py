"""Classifiers of fully connected layers over a grid of features, as AlexNet and VGG end in."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.nets.blocks import global_average, initialise
from edgeconv.nets.published_state import TakesPublishedState

HIDDEN = 4096
"""Outputs of the first two fully connected layers, in AlexNet and in every VGG."""


class GridPool(nn.Module):
    """Averages any feature map to a square grid: AdaptiveAvgPool2d as operators of fixed size.

    Bin i of n over a side of s pixels averages those from floor(i s / n) to ceil((i + 1) s / n), as
    in PyTorch. For a capture of one input size that is:

    Case 1: nothing, where the map has the grid's size already.
    Case 2: one average pool, where along both axes bins are equally long and far apart.
    Case 3: along each axis a slice and a mean for each bin, and a concatenation.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, side, side)."""
        height, width = int(x.shape[2]), int(x.shape[3])
        if height == width == self.side:
            return x
        rows, columns = bins(height, self.side), bins(width, self.side)
        row, column = _even(rows), _even(columns)
        if row is not None and column is not None:
            return functional.avg_pool2d(x, (row[0], column[0]), (row[1], column[1]))
        return _averaged(_averaged(x, rows, 2), columns, 3)


def bins(size: int, count: int) -> list[tuple[int, int]]:
    """First pixel and the one after the last of each of `count` bins over `size` pixels."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _even(edges: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Length and distance of the bins where both are the same throughout, else None."""
    lengths = {end - start for start, end in edges}
    steps = {after - before for (before, _), (after, _) in pairwise(edges)}
    if len(lengths) > 1 or len(steps) > 1 or 0 in steps:
        return None
    return lengths.pop(), steps.pop()


def _averaged(x: Tensor, edges: list[tuple[int, int]], axis: int) -> Tensor:
    if all(end - start == 1 for start, end in edges) and len(edges) == x.shape[axis]:
        return x
    means = {
        edge: x.narrow(axis, edge[0], edge[1] - edge[0]).mean(axis, keepdim=True)
        for edge in dict.fromkeys(edges)
    }
    return torch.cat([means[edge] for edge in edges], axis)


class GridClassifier(TakesPublishedState):
    """Convolutions, a pool to a grid, and fully connected layers.

    With `fully_convolutional` the fully connected layers are convolutions instead, the first as
    large as the grid, and no pool comes before them: they score every place of a larger photo where
    the net fits, and the logits are the mean of those scores (Simonyan and Zisserman,
    https://arxiv.org/abs/1409.1556, section 3.2, dense evaluation). At the published input size
    there is one such place, and the logits are the net's own. The scores before the mean, (N,
    classes, h, w), are the output of `classifier`.
    """

    def __init__(
        self,
        features: nn.Sequential,
        classifier: nn.Sequential,
        grid: int,
        *,
        fully_convolutional: bool,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = GridPool(grid)
        self.classifier = classifier
        self.fully_convolutional = fully_convolutional
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        x = self.features(x)
        if self.fully_convolutional:
            scores: Tensor = self.classifier(x)
            return torch.flatten(scores, 1) if _is_single(scores) else global_average(scores)
        logits: Tensor = self.classifier(torch.flatten(self.avgpool(x), 1))
        return logits


def _is_single(maps: Tensor) -> bool:
    return int(maps.shape[2]) == 1 and int(maps.shape[3]) == 1


def dense(channels: int, out: int, grid: int, *, fully_convolutional: bool) -> nn.Module:
    """A layer that reads a whole grid of features, with the weights of a fully connected one.

    Args:
        channels: of the features.
        out: outputs.
        grid: side of the grid in features; 1 where a dense layer comes before.
        fully_convolutional: as a convolution of the grid's size, not as a Linear.
    """
    if fully_convolutional:
        return nn.Conv2d(channels, out, grid)
    return nn.Linear(channels * grid * grid, out)
