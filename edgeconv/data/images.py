"""Opens image files from anywhere and gives 8-bit RGB; every file is taken for hostile.

How each kind of file becomes RGB:

| file                    | becomes                                                                |
| ----------------------- | ---------------------------------------------------------------------- |
| greyscale, bilevel      | the grey in all three channels                                         |
| 16 bits a channel       | the high byte (what Pillow and libpng do for 16-bit colour)            |
| palette                 | its colours                                                            |
| transparent             | laid on white, as a viewer shows it on a page                          |
| CMYK                    | R = (255 - C) (255 - K) / 255 and so on, Adobe's inversion undone      |
| EXIF orientation        | turned upright; an orientation that cannot be read counts as upright   |
| animated, multi-page    | the first frame                                                        |
| 32-bit integer or float | refused: what is white in it is anyone's guess                         |

Embedded colour profiles are not applied, because the decoders of phones do not agree on them.
JPEG's draft mode (decoding at a fraction of the size) is never used: it changes pixels.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from edgeconv.disk import open_regular
from edgeconv.errors import ImageRefused

Mode = Literal["L", "RGB", "RGBA"]
MODES: Mapping[int, Mode] = MappingProxyType({1: "L", 3: "RGB", 4: "RGBA"})
"""What a photo is read as for a net's image of so many channels."""

MAX_FILE_BYTES = 256 * 2**20
"""Largest image file that is opened."""

MAX_PIXELS = 8192 * 8192
"""Most pixels that are decoded: 256 MiB in Pillow's four bytes a pixel. A 64-megapixel camera."""

MAX_SIDE = 20_000
"""Longest side in pixels that is decoded."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
"""Endings, in lower case, of the files taken for images in a folder."""

_DECODERS = (
    JpegImagePlugin.JpegImageFile,  # also finds the photos of phones that Pillow calls MPO
    PngImagePlugin.PngImageFile,
    WebPImagePlugin.WebPImageFile,
    BmpImagePlugin.BmpImageFile,
    GifImagePlugin.GifImageFile,
    TiffImagePlugin.TiffImageFile,
    PpmImagePlugin.PpmImageFile,
)
FORMATS = tuple(str(decoder.format) for decoder in _DECODERS)
"""Pillow's decoders that are let near a file; none of them starts another program."""

_DECODER_ERRORS = (
    OSError,  # includes UnidentifiedImageError and truncation
    SyntaxError,  # Pillow's "broken file"
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    EOFError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,  # raised where the interpreter makes warnings errors
)
"""What Pillow's decoders were seen to raise on damaged files."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation (tag 0x0112) to the operation that sets the photo upright (EXIF 2.32, 4.6.4)."""

_SIDEWAYS = (5, 6, 7, 8)
"""Orientations whose width is the upright photo's height."""

_ORIENTATION = 0x0112


def load_image(path: Path | str, mode: Mode = "RGB") -> Image.Image:
    """Decodes one file into an upright photo.

    Sizes are checked before anything is decoded; the header's word on width and height is what the
    decoder allocates, so a small file cannot ask for more than `MAX_PIXELS`.

    Raises:
        ImageRefused: no such file, no regular file, no image, a broken one, or one past a limit;
            always names the file.
    """
    with _opened(Path(path)) as image:
        image.load()
        return to_mode(_upright(image), mode)


def count_pixels(path: Path | str) -> int:
    """How many pixels a file's header promises; raises what `load_image` does before it decodes."""
    with _opened(Path(path)) as image:
        return image.width * image.height


def upright_size(path: Path | str) -> tuple[int, int]:
    """(width, height) in pixels of what `load_image` gives; raises what it does before it decodes.

    Raises:
        ImageRefused: see `load_image`.
    """
    with _opened(Path(path)) as image:
        turned = _orientation(image) in _SIDEWAYS
        return (image.height, image.width) if turned else (image.width, image.height)


def load_indices(path: Path | str) -> NDArray[np.uint8]:
    """A PNG's pixels as numbers, (H, W): grey values of 8 bits, or places in its palette.

    Raises:
        ImageRefused: it is no such PNG, or as `load_image`.
    """
    with _opened(Path(path)) as image:
        image.load()
        if image.format != "PNG" or image.mode not in ("L", "P") or not _has_whole_bytes(path):
            raise ImageRefused(
                f"it is no PNG of one channel of numbers ({image.format}, Pillow's mode "
                f"{image.mode}); write 8-bit grey, or a palette"
            )
        return np.array(image, dtype=np.uint8)


def _has_whole_bytes(path: Path | str) -> bool:
    """Whether a PNG's pixels are read as they stand: Pillow scales grey of fewer bits up.

    Bytes 24 and 25 are IHDR's bit depth and colour type (PNG specification, 11.2.2).
    """
    with open_regular(Path(path)) as file:
        depth, colour = file.read(26)[24:26]
    return colour == 3 or depth == 8


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The file with its header read; says of what goes wrong, and of the block's errors, one line.

    Raises:
        ImageRefused: see `load_image`.
    """
    _check_file(path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_header(path, image)
            yield image
    except ImageRefused as error:
        raise _named(path, error) from error
    except UnidentifiedImageError as error:
        known = ", ".join(SUFFIXES)
        raise ImageRefused(f"{path} is no image that can be read (known: {known})") from error
    except Image.DecompressionBombError as error:
        raise ImageRefused(f"{path} is past the limit of {MAX_PIXELS:,} pixels") from error
    except _DECODER_ERRORS as error:
        raise ImageRefused(f"{path} is broken: {_reason(error)}") from error


def to_mode(image: Image.Image, mode: Mode) -> Image.Image:
    """RGB, its grey (ITU-R 601), or RGB and opacity, 255 where the photo says nothing of it.

    Raises:
        ImageRefused: see `to_rgb`.
    """
    if image.mode == mode and "transparency" not in image.info:
        return image
    if mode == "RGBA" and image.has_transparency_data:
        return image.convert("RGBA")
    rgb = to_rgb(image)
    return rgb if mode == "RGB" else rgb.convert(mode)


def to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB by the table above (EXIF is left alone); the image itself where it is RGB already.

    Raises:
        ImageRefused: a mode without an agreed 8-bit meaning (32-bit integer, float, CIELAB).
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return _from_16_bit(image)
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, (255, 255, 255, 255))
        opaque.alpha_composite(image.convert("RGBA"))
        return opaque.convert("RGB")
    if image.mode in ("1", "L", "P", "CMYK", "YCbCr", "RGBX"):
        return image.convert("RGB")
    raise ImageRefused(
        f"its pixels are of Pillow's mode {image.mode}; 8 or 16 bits of grey, RGB, RGBA, palette "
        "and CMYK are read: convert it to one of these"
    )


def _from_16_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    grey = (values >> 8).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    orientation = _orientation(image)
    return image if orientation is None else image.transpose(_UPRIGHT[orientation])


def _orientation(image: Image.Image) -> int | None:
    """A key of `_UPRIGHT`; None where the photo is upright, or nobody can tell."""
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except _DECODER_ERRORS:  # a damaged EXIF block does not make the pixels any worse
        return None
    return orientation if isinstance(orientation, int) and orientation in _UPRIGHT else None


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as error:
        raise ImageRefused(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ImageRefused(f"{str(path)!r} is no file name: {error}") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise ImageRefused(f"{path} is {kind}; an image file is needed")
    if status.st_size == 0:
        raise ImageRefused(f"{path} is empty")
    if status.st_size > MAX_FILE_BYTES:
        raise ImageRefused(
            f"{path} has {status.st_size:,} bytes; the limit is {MAX_FILE_BYTES:,}: scale it down"
        )


def _check_header(path: Path, image: Image.Image) -> None:
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageRefused(
            f"{path} has {width} x {height} pixels; the limit is {MAX_SIDE:,} a side and "
            f"{MAX_PIXELS:,} in all: scale it down"
        )


def _named(path: Path, error: ImageRefused) -> ImageRefused:
    message = str(error)
    return error if message.startswith(str(path)) else ImageRefused(f"{path}: {message}")


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    return str(error) or type(error).__name__
