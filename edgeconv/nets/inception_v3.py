"""Inception-v3.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
https://arxiv.org/abs/1512.00567, Table 1 with the details of the authors' TensorFlow code;
parameter names are torchvision's.

Deviations from the paper: as in that code and torchvision, the modules on the 17 x 17 and 8 x 8
grids have the widths given there. The auxiliary classifier, which only training runs, is not built;
weights with it load. The published weights want pixels mapped to -1..1, which torchvision does
inside the net (`transform_input`) and edgeconv in the preprocessing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgeconv.nets.blocks import global_average, initialise
from edgeconv.nets.inception_blocks import ConvBN, Size
from edgeconv.nets.published_state import TakesPublishedState

_Layer = tuple[int, Size]  # channels out and kernel
_ROW, _COLUMN = (1, 7), (7, 1)


class Mixed(nn.Module):
    """Chains of blocks side by side, a pool the last of them.

    Blocks are called after their chain, numbered where it has several, as torchvision calls them;
    so they cannot be modules of their own.
    """

    def __init__(
        self, channels: int, *, pool: nn.Module, projection: int | None, **chains: list[_Layer]
    ) -> None:
        """Build the module.

        Args:
            channels: channels in.
            pool: of the last branch; the other chains end in a stride of 2 where it has one.
            projection: channels of the 1 x 1 block behind the pool; None: there is none, and this
                is a reduction.
            chains: name of the branch -> its blocks.
        """
        super().__init__()
        self._chains: list[list[str]] = []
        for branch, layers in chains.items():
            names = [f"{branch}_{i}" for i in range(1, len(layers) + 1)]
            names = names if len(names) > 1 else [branch]
            self._chains.append(names)
            before = channels
            for name, (out, kernel) in zip(names, layers, strict=True):
                reducing = projection is None and name == names[-1]
                block = ConvBN(before, out, kernel, 2 if reducing else 1, valid=reducing)
                self.add_module(name, block)
                before = out
        self.pool = pool
        self.branch_pool = None if projection is None else ConvBN(channels, projection)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H', W')."""
        outputs = []
        for names in self._chains:
            y = x
            for name in names:
                y = getattr(self, name)(y)
            outputs.append(y)
        y = self.pool(x)
        outputs.append(y if self.branch_pool is None else self.branch_pool(y))
        return torch.cat(outputs, 1)


def module_a(channels: int, projection: int) -> Mixed:
    """The module of the 35 x 35 grid (the paper's Fig. 5, its 5 x 5 left as it was)."""
    return Mixed(
        channels,
        branch1x1=[(64, 1)],
        branch5x5=[(48, 1), (64, 5)],
        branch3x3dbl=[(64, 1), (96, 3), (96, 3)],
        pool=_average(),
        projection=projection,
    )


def reduction_b(channels: int) -> Mixed:
    """From the 35 x 35 to the 17 x 17 grid (Fig. 10)."""
    return Mixed(
        channels,
        branch3x3=[(384, 3)],
        branch3x3dbl=[(64, 1), (96, 3), (96, 3)],
        pool=nn.MaxPool2d(3, stride=2),
        projection=None,
    )


def module_c(channels: int, width: int) -> Mixed:
    """The module of the 17 x 17 grid, 7 x 7 as 1 x 7 and 7 x 1 (Fig. 6)."""
    return Mixed(
        channels,
        branch1x1=[(192, 1)],
        branch7x7=[(width, 1), (width, _ROW), (192, _COLUMN)],
        branch7x7dbl=[
            (width, 1),
            (width, _COLUMN),
            (width, _ROW),
            (width, _COLUMN),
            (192, _ROW),
        ],
        pool=_average(),
        projection=192,
    )


def reduction_d(channels: int) -> Mixed:
    """From the 17 x 17 to the 8 x 8 grid."""
    return Mixed(
        channels,
        branch3x3=[(192, 1), (320, 3)],
        branch7x7x3=[(192, 1), (192, _ROW), (192, _COLUMN), (192, 3)],
        pool=nn.MaxPool2d(3, stride=2),
        projection=None,
    )


class ModuleE(nn.Module):
    """The module of the 8 x 8 grid, whose 3 x 3 fork into 1 x 3 and 3 x 1 (Fig. 7)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch1x1 = ConvBN(channels, 320)
        self.branch3x3_1 = ConvBN(channels, 384)
        self.branch3x3_2a = ConvBN(384, 384, (1, 3))
        self.branch3x3_2b = ConvBN(384, 384, (3, 1))
        self.branch3x3dbl_1 = ConvBN(channels, 448)
        self.branch3x3dbl_2 = ConvBN(448, 384, 3)
        self.branch3x3dbl_3a = ConvBN(384, 384, (1, 3))
        self.branch3x3dbl_3b = ConvBN(384, 384, (3, 1))
        self.pool = _average()
        self.branch_pool = ConvBN(channels, 192)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, 2048, H, W)."""
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branches = (
            self.branch1x1(x),
            self.branch3x3_2a(single),
            self.branch3x3_2b(single),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(self.pool(x)),
        )
        return torch.cat(branches, 1)


def _average() -> nn.AvgPool2d:
    return nn.AvgPool2d(3, stride=1, padding=1)


class InceptionV3(TakesPublishedState):
    """A stem, eleven Inception modules, and the classifier."""

    training_only = ("AuxLogits.",)

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvBN(3, 32, 3, stride=2, valid=True)
        self.Conv2d_2a_3x3 = ConvBN(32, 32, 3, valid=True)
        self.Conv2d_2b_3x3 = ConvBN(32, 64, 3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = ConvBN(64, 80)
        self.Conv2d_4a_3x3 = ConvBN(80, 192, 3, valid=True)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = module_a(192, 32)
        self.Mixed_5c = module_a(256, 64)
        self.Mixed_5d = module_a(288, 64)
        self.Mixed_6a = reduction_b(288)
        self.Mixed_6b = module_c(768, 128)
        self.Mixed_6c = module_c(768, 160)
        self.Mixed_6d = module_c(768, 160)
        self.Mixed_6e = module_c(768, 192)
        self.Mixed_7a = reduction_d(768)
        self.Mixed_7b = ModuleE(1280)
        self.Mixed_7c = ModuleE(2048)
        self._features = [name for name, _ in self.named_children()]
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(2048, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        for name in self._features:
            x = getattr(self, name)(x)
        logits: Tensor = self.fc(self.dropout(global_average(x)))
        return logits


def inception_v3(classes: int = 1000) -> InceptionV3:
    """Inception-v3."""
    return InceptionV3(classes)
