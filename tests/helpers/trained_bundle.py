"""A bundle of a small net with weights of its own and named classes, and damaged copies of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import edgeconv
from edgeconv.bundle import manifest

CLASSES = ("cat", "dog", "owl", "fox", "hen")
SIZE = 32


class Net(nn.Module):
    """A stem, a depthwise block and a classifier; seeded."""

    labels = CLASSES

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU6())
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.ReLU6())
        self.wide = nn.Sequential(nn.Conv2d(8, 16, 1), nn.ReLU())
        self.head = nn.Linear(16, len(CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.wide(self.deep(self.stem(x))).mean((2, 3)))
        return found


def export_trained(place: Path) -> edgeconv.Bundle:
    """Float and int8, for both engines."""
    options = edgeconv.ExportOptions(int8=True, input_size=(SIZE, SIZE), calib_samples=16)
    return edgeconv.export_bundle(Net(), options, out=place)


def damaged(
    bundle: Path, place: Path, damage: Callable[[Path], None], *, rehashed: bool = True
) -> Path:
    """A copy with something changed, and its manifest's hashes made to fit where asked."""
    shutil.copytree(bundle, place)
    damage(place)
    if rehashed:
        rewrite_manifest(place)
    return place


def rewrite_manifest(directory: Path) -> None:
    """Hashes of the files as they are now."""
    path = directory / manifest.FILE_NAME
    document = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**document, "files": manifest.file_table(directory)}), "utf-8")
