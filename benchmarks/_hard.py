"""The images of the hard nets: "which part of which photograph does this crop show?"

scikit-image's bundled photographs are cut into tiles, one class each; textures that look the same
everywhere are one tile. An image is a crop around a random point of its tile, at a random size,
with its channels' gains, its brightness and its noise changed at random. Neighbouring tiles share
pixels, so the classes are close to each other. The same seed gives the same images.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 48
"""Pixels of an image's side."""

GRIDS = {
    "astronaut.png": (6, 6),
    "coffee.png": (4, 6),
    "motorcycle_left.png": (4, 6),
    "chelsea.png": (3, 5),
    "rocket.jpg": (2, 4),
    "camera.png": (5, 5),
    "retina.jpg": (4, 4),
    "coins.png": (3, 4),
    "ihc.png": (1, 1),
    "grass.png": (1, 1),
    "brick.png": (1, 1),
    "gravel.png": (1, 1),
    "hubble_deep_field.jpg": (1, 1),
    "color.png": (3, 3),
    "page.png": (1, 1),
    "moon.png": (1, 1),
}
"""Photograph -> rows and columns of tiles."""

WINDOW = (0.75, 1.5)
"""Side of a crop in sides of its tile: smallest, largest."""

CENTRE = 0.7
"""Share of the tile, around its middle, that a crop's centre falls in."""

TRAINING_SEED, CALIBRATION_SEED, TEST_SEED, TUNING_SEED = 1, 2, 3, 4
CALIBRATION_COUNT, TEST_COUNT = 176, 1056

NETS = ("mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b0")
"""The hard nets, by their names in the registry."""

ATTENTION: Mapping[str, str] = {
    "small_vit": "attention_net.py",
    "small_linear": "conv_attention_nets.py",
    "small_mobilevit": "conv_attention_nets.py",
}
"""Nets of attention trained on the same images -> the file here that defines them."""

FOLDER = Path(__file__).resolve().parent / "hard"
"""Where their weights lie."""

CACHE = Path(__file__).resolve().parent / ".cache"
"""Where what is made on the way is kept between runs; git ignores it."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Tile:
    """A class: part of a photograph, in pixels."""

    file: str
    row: int
    column: int
    box: tuple[float, float, float, float]

    @property
    def name(self) -> str:
        """Such as "coffee 0,2"."""
        return f"{Path(self.file).stem} {self.row},{self.column}"


@dataclass(frozen=True)
class Folders:
    """Images as files, with a CSV of labels beside each folder."""

    calibration: Path
    test: Path


@lru_cache(maxsize=1)
def tiles() -> tuple[Tile, ...]:
    """Every class in its order."""
    found = []
    for file, (rows, columns) in GRIDS.items():
        width, height = _photograph(file).size
        for row in range(rows):
            for column in range(columns):
                left, top = width * column / columns, height * row / rows
                box = (left, top, left + width / columns, top + height / rows)
                found.append(Tile(file, row, column, box))
    return tuple(found)


def images(seed: int, count: int) -> Iterator[tuple[Pixels, int]]:
    """`count` images (SIDE, SIDE, 3) with their classes; classes take turns."""
    rng = np.random.default_rng(seed)
    classes = tiles()
    for index in range(count):
        label = index % len(classes)
        yield _jittered(_crop(classes[label], rng), rng), label


def weights(net: str) -> Path:
    """A hard net's weights."""
    return FOLDER / f"{net}.safetensors"


def folders() -> Folders:
    """The calibration and test images as files, written once for this definition of them."""
    made_by = Path(__file__).read_bytes()
    target = CACHE / f"hard-{hashlib.sha256(made_by).hexdigest()[:16]}"
    if not target.is_dir():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            out = Path(scratch) / "out"
            write_folder(out / "calibration", CALIBRATION_SEED, CALIBRATION_COUNT)
            write_folder(out / "test", TEST_SEED, TEST_COUNT)
            shutil.move(out, target)
    return Folders(target / "calibration", target / "test")


def write_folder(folder: Path, seed: int, count: int) -> None:
    """Writes the images as FOLDER/*.png and their labels as FOLDER.csv."""
    folder.mkdir(parents=True)
    with folder.with_name(f"{folder.name}.csv").open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(("file", "label"))
        for index, (pixels, label) in enumerate(images(seed, count)):
            name = f"{index:05}.png"
            Image.fromarray(pixels).save(folder / name)
            rows.writerow((name, label))


def _crop(tile: Tile, rng: np.random.Generator) -> Pixels:
    photo = _photograph(tile.file)
    left, top, right, bottom = tile.box
    across, down, size = rng.random(3)
    side = min(right - left, bottom - top) * (WINDOW[0] + (WINDOW[1] - WINDOW[0]) * size)
    side = min(side, *photo.size)
    x = (left + right) / 2 + (across - 0.5) * CENTRE * (right - left) - side / 2
    y = (top + bottom) / 2 + (down - 0.5) * CENTRE * (bottom - top) - side / 2
    x = min(max(x, 0.0), photo.width - side)
    y = min(max(y, 0.0), photo.height - side)
    box = (x, y, x + side, y + side)
    return np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box))


def _jittered(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    gain = rng.uniform(0.6, 1.4) * rng.uniform(0.85, 1.15, 3)
    noise = rng.normal(0.0, rng.uniform(0.0, 12.0), pixels.shape)
    values = (pixels - 128.0) * gain + 128.0 + rng.uniform(-30.0, 30.0) + noise
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@lru_cache(maxsize=len(GRIDS))
def _photograph(file: str) -> Image.Image:
    spec = importlib.util.find_spec("skimage")  # finds the files without importing scikit-image
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise SystemExit("the hard nets' images need scikit-image: pip install scikit-image")
    with Image.open(Path(places[0]) / "data" / file) as photo:
        return photo.convert("RGB")
