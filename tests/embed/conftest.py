"""A bundle of a net so small that its export takes seconds, with names that no language likes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

import edgeconv
from edgeconv.bundle.bundle import Bundle
from edgeconv.data.builtin import FOLDER
from edgeconv.data.images import load_image
from edgeconv.data.preprocessing import crop_pixels
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


def _with_golden(bundle: Path) -> None:
    """Until exports write it."""
    if (bundle / "golden").is_dir():
        return
    folder = bundle / "golden"
    folder.mkdir()
    opened = Bundle.load(bundle)
    cases = []
    for name in ("chelsea.png", "rocket.jpg", "camera.png", "chelsea_turned.jpg"):
        shutil.copy(FOLDER / name, folder)
        pixels = crop_pixels(load_image(folder / name), opened.preprocessing)
        artifacts = {}
        for artifact in opened.artifacts:
            (made,) = opened.open(artifact).predict([folder / name])
            top = [{"index": c.index, "probability": c.probability} for c in made.top()]
            artifacts[artifact] = {"top5": top}
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        cases.append({"photo": name, "pixels": {"sha256": digest}, "artifacts": artifacts})
    (folder / "golden.json").write_text(json.dumps({"format": 1, "cases": cases}))


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
    bundle = edgeconv.export_bundle(Small(), chosen, out=out).directory
    _with_golden(bundle)
    return bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of int8 ends."""
    return export(tmp_path_factory.mktemp("embedded") / "small")
