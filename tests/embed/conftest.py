"""A bundle of a net so small that its export takes seconds, with names that no language likes."""

from __future__ import annotations

import shutil
import subprocess
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
PACKAGES = ("onnxruntime-web@1.30.0", "@litertjs/core@2.5.3", "kotlin-compiler@2.4.20")


class Small(nn.Module):
    """Tells photos apart at 40 x 48 pixels."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.input_shapes = {"x": (channels, *SIZE)}
        self.first = nn.Conv2d(channels, 8, 5, stride=4)
        self.second = nn.Conv2d(8, 16, 3, stride=2)
        self.last = nn.Linear(16, len(LABELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return 20 * self.last(x.mean((2, 3)))


def export(out: Path, **options: object) -> Path:
    torch.manual_seed(5)
    stated = options.pop("stated", Stated((0.4, 0.5, 0.6), (0.2, 0.3, 0.4), 52, "bilinear", LABELS))
    chosen = edgeconv.ExportOptions(
        int8=True,
        recipe="fast",
        stated=stated,
        calib_samples=8,
        **options,
    )
    module = Small(len(stated.mean))
    return edgeconv.export_bundle(module, chosen, out=out).directory


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of int8 ends."""
    return export(tmp_path_factory.mktemp("embedded") / "small")


@pytest.fixture(scope="session")
def of_pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whose files take pixels and give probabilities."""
    return export(tmp_path_factory.mktemp("embedded") / "pixels", io="uint8", softmax=True)


@pytest.fixture(scope="session")
def grey_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a net that takes grey photos, stretched by another filter."""
    stated = Stated((0.5,), (0.25,), "stretch", "bicubic", LABELS)
    return export(tmp_path_factory.mktemp("embedded") / "grey", stated=stated)


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """node_modules with two engines and a compiler."""
    return installed(PACKAGES, tmp_path_factory.mktemp("npm"))


def installed(names: tuple[str, ...], place: Path) -> Path:
    """node_modules with packages that npm's own cache has; skips where it has them not."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    command = ["npm", "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run([*command, *names], cwd=place, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"npm's cache lacks one of {', '.join(names)}: npm install them once")
    return place / "node_modules"
