"""Nets of other inputs than one RGB photo, and folders of samples for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CLASSES = 5
SAMPLES = 16
Shapes = Mapping[str, tuple[int, ...]]


def _mixed(channels: int, taken: int = 8) -> nn.Sequential:
    """A convolution that halves an image, and means of what it gives."""
    layers = nn.Conv2d(channels, taken, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers)


class _Net(nn.Module):
    input_shapes: ClassVar[Shapes]

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)


class Features(_Net):
    """40 features of 98 frames, along which it convolves."""

    input_shapes: ClassVar[Shapes] = {"mel": (40, 98)}

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv1d(40, 16, 3, padding=1), nn.ReLU(), nn.Conv1d(16, 24, 3, stride=2)),
            *(nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, CLASSES)),
        )

    def forward(self, mel: Tensor) -> Tensor:
        return self.body(mel)


class Keywords(_Net):
    """A spectrogram as an image of one channel."""

    input_shapes: ClassVar[Shapes] = {"x": (1, 32, 40)}

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(_mixed(1), nn.Linear(8, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Depth(_Net):
    """Colours and depth, four channels."""

    input_shapes: ClassVar[Shapes] = {"x": (4, 32, 40)}

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(_mixed(4), nn.Linear(8, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class TwoImages(_Net):
    """Two images of unlike sizes; the shapes stand in another order than forward's arguments."""

    input_shapes: ClassVar[Shapes] = {"b": (3, 16, 16), "a": (3, 32, 32)}

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.two = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU())
        self.head = nn.Sequential(_mixed(16), nn.Linear(8, CLASSES))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.head(torch.cat([self.one(a), self.two(b)], 1))


class ImageAndScalars(_Net):
    """An image of as many channels as rows and columns, and numbers beside it."""

    input_shapes: ClassVar[Shapes] = {"image": (8, 8, 8), "scalars": (5,)}

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = _mixed(8), nn.Sequential(nn.Linear(5, 8), nn.ReLU())
        self.head = nn.Linear(16, CLASSES)

    def forward(self, image: Tensor, scalars: Tensor) -> Tensor:
        return self.head(torch.cat([self.one(image), self.two(scalars)], 1))


NETS: tuple[type[_Net], ...] = (Features, Keywords, Depth, TwoImages, ImageAndScalars)


def samples(shapes: Shapes, count: int = SAMPLES) -> list[dict[str, NDArray[np.float32]]]:
    """Noise; each sample lies about another number."""
    random = np.random.default_rng(0)
    return [
        {
            name: (random.standard_normal(shape) + i % CLASSES / 2 - 1).astype(np.float32)
            for name, shape in shapes.items()
        }
        for i in range(count)
    ]


def folder_of(place: Path, shapes: Shapes, **beside: Any) -> Path:
    """A folder with a sample a file: .npy for one input with nothing beside it."""
    place.mkdir(parents=True, exist_ok=True)
    for index, sample in enumerate(samples(shapes)):
        path = place / f"{index:02}"
        if len(sample) == 1 and not beside:
            np.save(path, next(iter(sample.values())))
        else:
            extra = {name: value(index) for name, value in beside.items()}
            np.savez(path, **sample, **extra)
    return place
