"""Calibration and golden photos that are always at hand: crops of the photographs in `photos/`.

They stand in for the user's own photos where there are none: activations get sane ranges, but the
ranges of one's own photos are better. All of them are CC0 or in the public domain, for golden crops
end up in bundles that people pass on (`photos/LICENSES.md` says where each is from). Golden ones
are never used for calibration.

The same arguments give the same crops on every platform: positions come from SHA-256, not from a
random generator, and the scaling is Pillow's integer arithmetic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.data.images import load_image
from edgeconv.data.preprocessing import Preprocessing, crop_pixels
from edgeconv.errors import UsageError

#: The photographs, and the page of their licences.
FOLDER = Path(__file__).with_name("photos")

Split = Literal["calibration", "golden"]


@dataclass(frozen=True)
class Source:
    """A photograph.

    Attributes:
        file: its name in `FOLDER`.
        shows: what is on it.
    """

    file: str
    shows: str


PHOTOS = (
    Source("astronaut.png", "a portrait with flag, suit and shuttle"),
    Source("coffee.png", "a cup on a wooden table"),
    Source("raccoon.png", "a raccoon's face among leaves"),
    Source("ascent.png", "people on a stairway, grey"),
)
"""Photos of everyday things, most like what nets for images are trained on."""

OTHERS = (
    Source("hues.png", "a wheel of all hues on black"),
    Source("grass.png", "grass, grey"),
    Source("retina.jpg", "the back of an eye"),
    Source("brick.png", "a brick wall, grey"),
    Source("hubble_deep_field.jpg", "galaxies on black"),
    Source("clock_motion.png", "a blurred clock, grey and of low contrast"),
    Source("gravel.png", "gravel, grey"),
)
"""What stretches the range of textures, colours and contrasts."""

GOLDEN = (
    Source("chelsea.png", "a cat's head"),
    Source("rocket.jpg", "a rocket at dusk"),
    Source("camera.png", "a photographer on a lawn, grey"),
)
"""Sources of the golden split; the calibration split never reads them."""

WHOLE = ("chelsea.png", "rocket.jpg", "camera.png", "chelsea_turned.jpg")
"""Files of golden photos as an app gets them: in colour, JPEG, grey, and turned by EXIF alone."""

SMALLEST_CROP: dict[Split, float] = {"calibration": 0.35, "golden": 0.7}
"""Side of the smallest crop as a share of the largest that fits; golden ones keep their subject."""


def sources(split: Split = "calibration") -> tuple[Source, ...]:
    """The photographs a split takes its crops from, in the order they are used."""
    if split == "golden":
        return GOLDEN
    if split == "calibration":
        return PHOTOS + OTHERS
    raise UsageError(f"{split!r} is no split of the built-in photos; calibration and golden are")


def photos(
    pre: Preprocessing, count: int, split: Split = "calibration"
) -> Iterator[NDArray[np.uint8]]:
    """Crops of the built-in photographs, no two alike.

    The first crop of each photograph is the photograph as `crop_pixels` cuts it; later ones are
    parts of it at other scales and places, every second one mirrored. Half of the calibration
    crops are of `PHOTOS`.

    Args:
        pre: the geometry.
        count: how many crops.
        split: "golden" and "calibration" share no photograph.

    Yields:
        uint8 RGB (H, W, 3).

    Raises:
        UsageError: count is negative, or no such split.
    """
    if count < 0:
        raise UsageError(f"{count} built-in photos cannot be had; ask for 0 or more")
    sources(split)
    smallest = SMALLEST_CROP[split]
    return (_crop(pre, *_pick(index, split), smallest) for index in range(count))


def _pick(index: int, split: Split) -> tuple[Source, int]:
    """The source of the crop at `index`, and how many crops of that source came before."""
    if split == "golden":
        return GOLDEN[index % len(GOLDEN)], index // len(GOLDEN)
    group = OTHERS if index % 2 else PHOTOS
    return group[index // 2 % len(group)], index // 2 // len(group)


def _crop(pre: Preprocessing, source: Source, turn: int, smallest: float) -> NDArray[np.uint8]:
    photo = _photograph(source)
    if turn == 0:
        return crop_pixels(photo, pre)
    scale, across, down = _fractions(source.file, turn)
    height, width = pre.input_size
    largest = min(photo.width / width, photo.height / height)
    share = smallest + (1 - smallest) * scale
    crop_width = max(1, int(width * largest * share))
    crop_height = max(1, int(height * largest * share))
    left = int((photo.width - crop_width + 1) * across)
    top = int((photo.height - crop_height + 1) * down)
    part = photo.crop((left, top, left + crop_width, top + crop_height))
    if turn % 2:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return crop_pixels(part, replace(pre, resize=min(pre.input_size)))


def _fractions(file: str, turn: int) -> tuple[float, float, float]:
    """Three numbers in [0, 1) that depend on nothing but the arguments."""
    digest = hashlib.sha256(f"{file}/{turn}".encode()).digest()
    scale, across, down = (int.from_bytes(digest[i : i + 4], "big") / 2**32 for i in (0, 4, 8))
    return scale, across, down


@lru_cache(maxsize=len(PHOTOS) + len(OTHERS) + len(GOLDEN))
def _photograph(source: Source) -> Image.Image:
    return load_image(FOLDER / source.file)
