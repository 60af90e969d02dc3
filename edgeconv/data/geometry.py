"""Where the pixels of a scaled centre crop lie, with torchvision's rounding.

| step   | rule                                                                                 |
| ------ | ------------------------------------------------------------------------------------ |
| resize | short side to `size`, long side to floor(size * long / short); Pillow's antialiasing |
| pad    | black, the odd pixel right and below, where the scaled photo is smaller than the crop |
| crop   | top and left at round((scaled - crop) / 2), halves to even                           |
"""

from __future__ import annotations

from PIL import Image

from edgeconv.data.images import MAX_PIXELS
from edgeconv.errors import ImageRefused


def resized_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """(width, height) in pixels after the short side is scaled to `short_side`."""
    short, long = sorted((width, height))
    scaled = int(short_side * long / short)
    return (short_side, scaled) if width <= height else (scaled, short_side)


def crop_box(width: int, height: int, crop: tuple[int, int]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the centre crop (height, width); negative where it needs pad.

    Padding puts the odd pixel right and below, so the box starts at -floor(missing / 2).
    """
    crop_height, crop_width = crop
    left = _start(width, crop_width)
    top = _start(height, crop_height)
    return left, top, left + crop_width, top + crop_height


def _start(size: int, crop: int) -> int:
    return round((size - crop) / 2) if size >= crop else -((crop - size) // 2)


def resize_and_crop(
    image: Image.Image, short_side: int, crop: tuple[int, int], resample: Image.Resampling
) -> Image.Image:
    """Scales the short side and cuts the centre.

    Args:
        image: RGB.
        short_side: pixels of the short side after scaling.
        crop: (height, width) in pixels of the result.
        resample: the filter.

    Raises:
        ImageRefused: the scaled photo would have more than `MAX_PIXELS` pixels.
    """
    size = resized_size(image.width, image.height, short_side)
    if size[0] * size[1] > max(MAX_PIXELS, short_side * short_side):
        raise ImageRefused(
            f"a photo of {image.width} x {image.height} pixels is too narrow: scaled to a short "
            f"side of {short_side} it would be {size[0]} x {size[1]} "
            f"(limit: {MAX_PIXELS:,} pixels); crop it first"
        )
    if size != image.size:
        image = image.resize(size, resample)
    return image.crop(crop_box(*size, crop))
