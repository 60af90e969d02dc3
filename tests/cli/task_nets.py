"""Small nets of other tasks than classification, exported once."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import edgeconv

SIDE = 64


class _Small(nn.Module):
    """A few layers, with photos scaled to 72 pixels and cut to 64."""

    preprocessing = {"input_size": (SIDE, SIDE), "resize": 72}  # noqa: RUF012

    def __init__(self, channels: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, channels, 3, 2, 1)
        )


class Heads(_Small):
    """A map, a row of scores, and the best class of each place."""

    def __init__(self) -> None:
        super().__init__(5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        made = self.body(x)
        return {"map": made, "scores": made.mean((2, 3)), "best": made.argmax(1)}


class Dense(_Small):
    """Logits of four classes, at a quarter of the photo's size."""

    def __init__(self) -> None:
        super().__init__(4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        made = self.body(x)
        return {"row": made.mean((2, 3)), "logits": made}


def bundle_of(name: str, place: Path) -> Path:
    """A bundle of one of the nets above, float and int8."""
    options = edgeconv.ExportOptions(int8=True, weights="random", calib_samples=8)
    source = f"{Path(__file__)}:{name}"
    return edgeconv.export_bundle(source, options, out=place / name.lower()).directory
