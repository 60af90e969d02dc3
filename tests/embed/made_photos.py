"""Photos with what makes decoders differ, made of a pattern that no codec stores exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageCms


def made_photos(folder: Path) -> list[Path]:
    """JPEG and PNG files, which every project reads."""
    folder.mkdir()
    photo = pattern(97, 61)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        photo.save(folder / f"exif{orientation}.jpg", exif=exif, quality=90)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    photo.save(folder / "icc.jpg", icc_profile=profile)
    photo.save(folder / "progressive.jpg", progressive=True, quality=80)
    photo.save(folder / "4_4_4.jpg", subsampling=0)
    photo.save(folder / "4_2_2.jpg", subsampling=1)
    photo.convert("L").save(folder / "grey.jpg")
    photo.convert("L").save(folder / "grey.png")
    photo.save(folder / "colour.png")
    photo.quantize(32).save(folder / "palette.png")
    photo.convert("1").save(folder / "bilevel.png")
    seen = photo.convert("RGBA")
    seen.putalpha(pattern(97, 61, step=3).convert("L"))
    seen.save(folder / "alpha.png")
    seen.convert("LA").save(folder / "grey_alpha.png")
    pattern(33, 300).save(folder / "narrow.png")
    pattern(70, 400).save(folder / "tall.png")
    pattern(20, 16).save(folder / "small.png")
    return sorted(folder.iterdir())


def large_photo(path: Path) -> Path:
    """12 megapixels."""
    tile = np.asarray(pattern(500, 375))
    Image.fromarray(np.tile(tile, (8, 8, 1))).save(path, quality=85)
    return path


def pattern(width: int, height: int, step: int = 1) -> Image.Image:
    """Waves and edges in colour."""
    y, x = np.mgrid[:height, :width] * step
    waves = np.stack([np.sin(x / 9 + y / 5), np.cos(x / 4 - y / 7), np.sin(x * y / 300)], axis=-1)
    edges = ((x // 13 + y // 11) % 2)[..., np.newaxis] * 40
    return Image.fromarray((100 + 70 * waves + edges).clip(0, 255).astype(np.uint8))
