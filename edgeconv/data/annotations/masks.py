"""Masks: for each photo a PNG of its size whose pixels are class numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.folders import list_images
from edgeconv.data.images import load_indices, upright_size
from edgeconv.errors import RefusedError, UsageError
from edgeconv.runtime.plain import some

IGNORED = 255
"""Pixels of this number belong to no class and are not counted."""

_SHOWN = 3


@dataclass(frozen=True)
class MaskedPhoto:
    """A photo and its mask."""

    photo: Path
    mask: Path


def masked_photos(photos: Path, masks: Path) -> list[MaskedPhoto]:
    """The photos of a folder that have a mask, sorted by path; others are passed over.

    The mask of `a/b.jpg` is `a/b.png` in the folder of masks.

    Raises:
        UsageError: a folder is missing or empty, no photo has a mask, two photos would share one,
            or a mask has no photo.
    """
    if not masks.is_dir():
        raise UsageError(f"{masks} is no folder; give one of masks, a PNG for each photo")
    named: dict[Path, Path] = {}
    for photo in list_images(photos):
        name = photo.relative_to(photos).with_suffix(".png")
        if name in named:
            raise UsageError(f"{photo} and {named[name]} would both have the mask {masks / name}")
        named[name] = photo
    found = _pngs(masks)
    if alone := [path.relative_to(masks) for name, path in found.items() if name not in named]:
        raise UsageError(
            f"{len(alone)} masks in {masks} have no photo of their name in {photos}: "
            f"{some(alone, _SHOWN)}"
        )
    return [MaskedPhoto(photo, found[name]) for name, photo in named.items() if name in found]


def load_mask(pair: MaskedPhoto, classes: int) -> NDArray[np.uint8]:
    """A photo's mask, (H, W), of the upright photo's size.

    Args:
        pair: the photo and the mask.
        classes: how many there are; other numbers but `IGNORED` are refused.

    Raises:
        ImageRefused: the mask is no PNG of numbers, or the photo is none.
        RefusedError: it has another size than the photo, or a number that is no class.
    """
    mask = load_indices(pair.mask)
    width, height = upright_size(pair.photo)
    if mask.shape != (height, width):
        raise RefusedError(
            f"{pair.mask} has {mask.shape[1]} x {mask.shape[0]} pixels, its photo {width} x "
            f"{height}; a mask has its photo's size"
        )
    wrong = mask[(mask >= classes) & (mask != IGNORED)]
    if wrong.size:
        raise RefusedError(
            f"{pair.mask} holds the number {wrong.min()}; the net has the classes 0 to "
            f"{classes - 1}, and {IGNORED} is ignored"
        )
    return mask


def _pngs(folder: Path) -> dict[Path, Path]:
    """By their names in the folder, with the ending in small letters."""
    found: dict[Path, Path] = {}
    for path in list_images(folder):
        name = path.relative_to(folder).with_suffix(".png")
        if path.suffix.lower() != ".png":
            continue
        if name in found:
            raise UsageError(f"{path} and {found[name]} are two masks of one photo")
        found[name] = path
    if not found:
        raise UsageError(f"{folder} and its direct sub-folders hold no PNG")
    return found
