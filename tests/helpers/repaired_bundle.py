"""A bundle whose int8 files have channels copied, shifted and scaled."""

from __future__ import annotations

from pathlib import Path

import edgeconv

#: The imports of a net's source, and an inverted residual.
BLOCK = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU6(),
            nn.Conv2d(2 * width, 2 * width, 3, 1, 1, groups=2 * width, bias=False),
            nn.BatchNorm2d(2 * width), nn.ReLU6(),
            nn.Conv2d(2 * width, width, 1, bias=False), nn.BatchNorm2d(width),
        )

    def forward(self, x):
        return x + self.conv(x)
"""

NET = (
    BLOCK
    + """

def clamped(inputs, outputs, kernel, groups=1):
    return [
        nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    ]


class Net(nn.Module):
    '''Half of the stem's channels are dead, linear channels lean to either side.

    The seed is one with which the judged recipe keeps the copies, whatever the ends.
    '''

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.stem = nn.Sequential(*clamped(3, 16, 3))
        self.apart = nn.Sequential(*clamped(16, 16, 3, 16))
        self.enter = nn.Sequential(nn.Conv2d(16, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.body = nn.Sequential(Block(8), Block(8))
        self.last = nn.Sequential(*clamped(8, 32, 1))
        self.head = nn.Linear(32, 10)
        with torch.no_grad():
            self.stem[1].bias[::2] = -40
            self.apart[1].bias[4] = 1.5
            for norm in (self.enter[1], self.body[0].conv[7], self.body[1].conv[7]):
                norm.bias += 10 * torch.tensor([1.0, -1.0] * 4)

    def forward(self, x):
        x = self.last(self.body(self.enter(self.apart(self.stem(x)))))
        return self.head(x.mean((2, 3)))


def net():
    return Net()
"""
)


def export_repaired(place: Path, io: str = "float32") -> edgeconv.Bundle:
    """Exports the net with the default recipe."""
    source = place / "net.py"
    source.write_text(NET, encoding="utf-8")
    options = edgeconv.ExportOptions(
        weights="random", input_size=(32, 32), int8=True, calib_samples=40, io=io
    )
    return edgeconv.export_bundle(f"{source}:net", options, out=place / "bundle")
