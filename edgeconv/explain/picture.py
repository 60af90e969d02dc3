"""Panels side by side, each with its caption, as one PNG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edgeconv.disk import check_writable, written_whole
from edgeconv.errors import OutputExists, UsageError
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
#: Inferno, a perceptually uniform scale: black over purple and orange to pale yellow. Nathaniel
#: Smith's and Stéfan van der Walt's for matplotlib (CC0, https://bids.github.io/colormap), followed
#: by Matt Zucker's polynomial (CC0, https://www.shadertoy.com/view/WlfXRN): its coefficients of
#: red, green and blue, from degree 0 to 6.
_INFERNO = np.array(
    [
        (0.0002189403691192265, 0.001651004631001012, -0.01948089843709184),
        (0.1065134194856116, 0.5639564367884091, 3.932712388889277),
        (11.60249308247187, -3.972853965665698, -15.9423941062914),
        (-41.70399613139459, 17.43639888205313, 44.35414519872813),
        (77.162935699427, -33.40235894210092, -81.80730925738993),
        (-71.31942824499214, 32.62606426397723, 73.20951985803202),
        (25.13112622477341, -12.24266895238567, -23.07032500287172),
    ]
)


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of the row.

    Attributes:
        pixels: uint8 (H, W, channels), every panel of the same size.
        caption: lines below it.
    """

    pixels: NDArray[np.uint8]
    caption: tuple[str, ...]


def enlarged(cam: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A map scaled to the photo's (H, W), bilinearly, as the paper does it; 0 to 1."""
    highest = float(cam.max())
    unit = cam / highest if highest > 0 else np.zeros_like(cam)
    image = Image.fromarray(unit.astype(np.float32))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def overlay(photo: NDArray[np.uint8], cam: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The photo under a map: uint8 RGB (H, W, 3)."""
    photo = _in_rgb(photo)
    heat = inferno(enlarged(cam, (photo.shape[0], photo.shape[1])))
    mixed = (1 - _OPACITY) * photo + _OPACITY * heat
    pixels: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return pixels


def gradient_picture(gradient: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A gradient (channels, H, W) as colours around grey: uint8 (H, W, channels)."""
    loudest = float(np.percentile(np.abs(gradient), _LOUDEST))
    unit = gradient / loudest if loudest > 0 else np.zeros_like(gradient)
    centred = np.clip(unit, -1, 1).transpose(1, 2, 0)
    pixels: NDArray[np.uint8] = np.rint(127.5 + 127.5 * centred).astype(np.uint8)
    return pixels


def draw(panels: Sequence[Panel]) -> Image.Image:
    """All panels in a row on white."""
    height, width = panels[0].pixels.shape[:2]
    scale = max(1, -(-_PANEL // min(height, width)))
    height, width = height * scale, width * scale
    lines = max(len(panel.caption) for panel in panels)
    below = 4 + _LINE * lines
    size = (_GAP + (width + _GAP) * len(panels), _GAP + height + below + _GAP)
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(_FONT)
    for number, panel in enumerate(panels):
        left = _GAP + (width + _GAP) * number
        shown = Image.fromarray(_in_rgb(panel.pixels))
        shown = shown.resize((width, height), Image.Resampling.NEAREST)
        canvas.paste(shown, (left, _GAP))
        for row, line in enumerate(panel.caption):
            place = (left, _GAP + height + 4 + _LINE * row)
            pen.text(place, _fitting(line, width, font), fill="black", font=font)
    return canvas


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


def inferno(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Colours of values from 0 to 1; what lies outside is clipped.

    Args:
        values: (H, W).

    Returns:
        uint8 RGB (H, W, 3).
    """
    colour = np.moveaxis(polyval(np.clip(values, 0, 1), _INFERNO), 0, -1)
    rgb: NDArray[np.uint8] = np.rint(255 * np.clip(colour, 0, 1)).astype(np.uint8)
    return rgb
