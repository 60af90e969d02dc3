"""A bundle small enough for emulation, made and used through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

#: Multiply-adds of mobilenet_v2: torchvision gives 0.30 G at 224 pixels; the convolutions' share
#: shrinks with the picture.
MULTIPLY_ADDS = 0.30e9 * (96 / 224) ** 2


def edgeconv(*words: object, limit_s: float = 3600) -> subprocess.CompletedProcess[str]:
    """Runs a command of edgeconv in a process of its own."""
    command = [sys.executable, "-c", "from edgeconv.cli.main import command; command()"]
    return subprocess.run(
        [*command, *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )


def document(*words: object) -> dict[str, Any]:
    """The JSON document a command prints."""
    done = edgeconv(*words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def export_small(place: Path) -> Path:
    """mobilenet_v2 at 96 pixels with random weights, float and int8, for both engines."""
    bundle = place / "small"
    options = ["--weights", "random", "--input-size", "96", "--int8", "--out", bundle]
    done = edgeconv("export", "mobilenet_v2", *options)
    assert done.returncode == 0, done.stderr
    return bundle


def noise_photos(place: Path, count: int) -> Path:
    """Photos of noise, one sub-folder a class index."""
    for index in range(count):
        folder = place / "photos" / str(index)
        folder.mkdir(parents=True)
        pixels = np.random.default_rng(index).integers(0, 256, (112, 128, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photo.png")
    return place / "photos"
