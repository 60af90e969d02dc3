"""Panels side by side, each with its caption, as one PNG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edgeconv.disk import check_writable, written_whole
from edgeconv.errors import OutputExists, UsageError
from edgeconv.explain.colors import DIFFERENCE, MAP, Scale
from edgeconv.runtime.plain import plain

#: Shortest side of a panel in pixels; smaller inputs are enlarged.
_PANEL = 224
_GAP = 8
_FONT = 13
_LINE = 17
#: How much of the photo a map hides.
_OPACITY = 0.55
#: Gradients past this percentile of their magnitude are shown at full colour.
_LOUDEST = 99.5
#: Height of a scale's colours.
_STRIP = 10


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of the row.

    Attributes:
        pixels: uint8 (H, W, channels), every panel of the same size.
        caption: lines below it.
        scale: what its colours mean, where they are a map's.
    """

    pixels: NDArray[np.uint8]
    caption: tuple[str, ...]
    scale: Scale | None = None


def enlarged(cam: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A map scaled to the photo's (H, W), bilinearly, as the paper does it; 0 to 1."""
    highest = float(cam.max())
    unit = cam / highest if highest > 0 else np.zeros_like(cam)
    image = Image.fromarray(unit.astype(np.float32))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def map_panel(
    photo: NDArray[np.uint8], cam: NDArray[np.float32], caption: tuple[str, ...]
) -> Panel:
    """The photo under a map."""
    return Panel(_over(photo, MAP, enlarged(cam, _size(photo))), caption, MAP)


def difference_panel(
    photo: NDArray[np.uint8],
    floating: NDArray[np.float32],
    int8: NDArray[np.float32],
    caption: tuple[str, ...],
) -> Panel:
    """The photo, in grey, under what the int8 map has more or less than the float one.

    Each map counts as a share of its own largest value, as it is drawn beside this panel.
    """
    size = _size(photo)
    more = enlarged(int8, size) - enlarged(floating, size)
    grey = np.asarray(Image.fromarray(_in_rgb(photo)).convert("L"))[..., None]
    return Panel(_over(grey, DIFFERENCE, more), caption, DIFFERENCE)


def _over(photo: NDArray[np.uint8], scale: Scale, values: NDArray[np.float32]) -> NDArray[np.uint8]:
    mixed = (1 - _OPACITY) * _in_rgb(photo) + _OPACITY * scale.colors(values)
    pixels: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return pixels


def _size(photo: NDArray[np.uint8]) -> tuple[int, int]:
    return photo.shape[0], photo.shape[1]


def gradient_picture(gradient: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A gradient (channels, H, W) as colours around grey: uint8 (H, W, channels)."""
    loudest = float(np.percentile(np.abs(gradient), _LOUDEST))
    unit = gradient / loudest if loudest > 0 else np.zeros_like(gradient)
    centred = np.clip(unit, -1, 1).transpose(1, 2, 0)
    pixels: NDArray[np.uint8] = np.rint(127.5 + 127.5 * centred).astype(np.uint8)
    return pixels


def draw(panels: Sequence[Panel]) -> Image.Image:
    """All panels in a row on white, each with its scale and its caption below."""
    height, width = panels[0].pixels.shape[:2]
    factor = max(1, -(-_PANEL // min(height, width)))
    height, width = height * factor, width * factor
    lines = max(len(panel.caption) for panel in panels)
    scales = _STRIP + 4 + _LINE if any(panel.scale for panel in panels) else 0
    below = scales + 4 + _LINE * lines
    size = (_GAP + (width + _GAP) * len(panels), _GAP + height + below + _GAP)
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(_FONT)
    for number, panel in enumerate(panels):
        left = _GAP + (width + _GAP) * number
        shown = Image.fromarray(_in_rgb(panel.pixels))
        shown = shown.resize((width, height), Image.Resampling.NEAREST)
        canvas.paste(shown, (left, _GAP))
        if panel.scale is not None:
            _draw_scale(canvas, panel.scale, (left, _GAP + height + 4), width)
        for row, line in enumerate(panel.caption):
            place = (left, _GAP + height + scales + 4 + _LINE * row)
            pen.text(place, _fitting(line, width, font), fill="black", font=font)
    return canvas


def _draw_scale(canvas: Image.Image, scale: Scale, place: tuple[int, int], width: int) -> None:
    """The colours as they are over a photo of mid grey, and what their ends mean."""
    left, top = place
    grey = np.full((1, width, 1), 128, np.uint8)
    values = np.linspace(scale.low, scale.high, width, dtype=np.float32)[None]
    strip = Image.fromarray(_over(grey, scale, values)).resize((width, _STRIP))
    canvas.paste(strip, place)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(_FONT)
    low, high = (_fitting(said, width // 2 - 4, font) for said in (scale.low_said, scale.high_said))
    pen.text((left, top + _STRIP), low, fill="black", font=font)
    pen.text((left + width - font.getlength(high), top + _STRIP), high, fill="black", font=font)


def _in_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey in all three channels; of four the first three."""
    return np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3))


def _fitting(line: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The line, cut with an ellipsis where it is wider than its panel."""
    line = plain(line)
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(f"{line}...") > width:
        line = line[:-1]
    return f"{line}..."


def check_destination(path: Path, *, force: bool) -> None:
    """Raises what `save` would raise of a name that cannot be used; call it before long work."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: the picture is a PNG; choose a name that ends in .png")
    if path.is_dir() or (os.path.lexists(path) and not force):
        raise OutputExists(f"{path} exists already; --force replaces it, --out chooses another")
    check_writable(path)


def save(image: Image.Image, path: Path, *, force: bool) -> None:
    """Writes a PNG whole or not at all.

    Raises:
        UsageError: the name does not end in .png.
        OutputExists: the file is there and `force` is off.
        OutputUnwritable: the place cannot be written, or its disk is full.
    """
    check_destination(path, force=force)
    with written_whole(path) as part:
        image.save(part, format="PNG")
