"""A bundle of a net so small that its export takes seconds, with names that no language likes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import edgeconv
from edgeconv.data.stated import Stated

LABELS = (
    "</script><img src=x onerror=alert(1)>",
    "\"quotes\" and 'more' \\n \\",
    "what??/ ??= ??)",
    "${dollars} {{ braces }} %s",
    "*/ // # --",
    "ночь 夜 \U0001f319",
    *(f"class {number}" for number in range(6, 12)),
)
SIZE = (40, 48)


class Small(nn.Module):
    """Tells photos apart at 40 x 48 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 5, stride=4)
        self.second = nn.Conv2d(8, 16, 3, stride=2)
        self.last = nn.Linear(16, len(LABELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return 20 * self.last(x.mean((2, 3)))


def export(out: Path, **options: object) -> Path:
    torch.manual_seed(5)
    chosen = edgeconv.ExportOptions(
        int8=True,
        recipe="fast",
        input_size=SIZE,
        stated=Stated((0.4, 0.5, 0.6), (0.2, 0.3, 0.4), 52, "bilinear", LABELS),
        calib_samples=8,
        **options,
    )
    return edgeconv.export_bundle(Small(), chosen, out=out).directory


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of int8 ends."""
    return export(tmp_path_factory.mktemp("embedded") / "small")
