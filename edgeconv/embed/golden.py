"""The bundle's golden photos as a generated project tests itself on them.

A project gets the photos, of each the pixels that the net sees and what its first output was, and
`expected.tsv`, which any language reads with a split: a line a photo, of

    photo
    CRC-32 of the decoded pixels
    CRC-32 of the pixels that the net sees
    index:probability of the five best classes, spaces between them; nothing where there are none
    CRC-32 of the input tensor

Decoded pixels are upright, 8 bits a channel, rows from the top, channels together. CRC-32 is that
of zlib, which every platform has.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.images import load_image
from edgeconv.data.preprocessing import Preprocessing, crop_pixels, normalize
from edgeconv.disk import read_bounded
from edgeconv.documents import Form
from edgeconv.errors import BundleRefused, ImageRefused
from edgeconv.export.bundle.golden_folder import (
    FILE_NAME,
    FOLDER,
    FORMAT,
    MOST_BINARY_BYTES,
    little_endian,
)
from edgeconv.runtime.adapt import Images, app_input
from edgeconv.runtime.session import EngineName, TensorSpec

TABLE = "expected.tsv"
FORM = Form(
    what="golden.json",
    key="format",
    number=FORMAT,
    most_bytes=4 * 2**20,
    refusal=BundleRefused,
    remedy="export the net again",
)
#: Of a bundle.
_MOST_CASES = 64


@dataclass(frozen=True, eq=False)
class Case:
    """A golden photo and what an app must make of it.

    Attributes:
        photo: the file, before decoding.
        decoded_crc32: of all its pixels.
        pixels: uint8 (H, W, channels), what the net sees.
        top: (class, probability) of the best classes by the file, best first.
        input_crc32: of what the file is fed, little-endian.
        output: what it gave first, little-endian; None where the bundle does not keep it.
        arrays: what a detector or a segmenter makes of it, as reals, or the class of each pixel.
    """

    photo: Path
    decoded_crc32: int
    pixels: NDArray[np.uint8]
    top: tuple[tuple[int, float], ...]
    input_crc32: int
    output: bytes | None = None
    arrays: tuple[NDArray[Any], ...] = ()

    def row(self) -> str:
        """Its line of `expected.tsv`."""
        top = " ".join(f"{index}:{probability:.6f}" for index, probability in self.top)
        crcs = f"{self.decoded_crc32:08x}\t{zlib.crc32(self.pixels.tobytes()):08x}"
        return f"{self.photo.name}\t{crcs}\t{top}\t{self.input_crc32:08x}"


@dataclass(frozen=True)
class Fed:
    """What is needed of a file to say what it is fed.

    Attributes:
        artifact: its short name.
        preprocessing: how a photo becomes its input.
        taken: its input.
        engine: what opens it.
    """

    artifact: str
    preprocessing: Preprocessing
    taken: TensorSpec
    engine: EngineName

    def tensor(self, pixels: NDArray[np.uint8]) -> bytes:
        """The input for these pixels, little-endian."""
        normalized = normalize(pixels, self.preprocessing)[np.newaxis]
        images = Images(normalized, pixels[np.newaxis])
        return little_endian(app_input(self.taken, images, self.engine))


def read(directory: Path, file: Fed, *, of_classes: bool = True) -> tuple[Case, ...]:
    """The golden photos of a bundle, with what one of its files makes of them.

    Args:
        directory: the bundle.
        file: one of its files.
        of_classes: whether that gives classes.

    Raises:
        BundleRefused: there are none, or what is told of them is not so.
    """
    path = directory / FOLDER / FILE_NAME
    try:
        document = FORM.read(path)
    except FileNotFoundError as error:
        raise BundleRefused(
            f"{directory} has no folder {FOLDER}, whose photos a project tests itself on; export "
            "the net again"
        ) from error
    except OSError as error:
        raise BundleRefused(f"{path} cannot be read: {error.strerror or error}") from error
    told = document.get("cases")
    if not isinstance(told, list) or len(told) > _MOST_CASES:
        raise FORM.refused(path, "its cases are no list")
    cases = [_case(path, case, file, of_classes) for case in told if _has_photo(case)]
    if not cases:
        raise BundleRefused(
            f"{directory} holds no golden photo, and a project tests itself on them; export the "
            "net without --golden-from-calib, or with photos of less than 1 MiB"
        )
    return tuple(cases)


def _has_photo(case: Any) -> bool:
    return not isinstance(case, dict) or case.get("photo", ...) is not None


def _case(path: Path, told: Any, file: Fed, of_classes: bool) -> Case:
    name = told.get("photo") if isinstance(told, dict) else None
    if not isinstance(name, str) or not _is_plain(name):
        raise FORM.refused(path, f"it names the photo {str(name)[:60]!a}, no plain file name")
    photo = path.parent / name
    if photo.is_symlink():
        raise FORM.refused(path, f"{name} is a link")
    try:
        decoded = load_image(photo, file.preprocessing.mode)
        pixels = crop_pixels(decoded, file.preprocessing)
    except ImageRefused as error:
        raise BundleRefused(f"{error}; export the net again") from error
    if _sha256(pixels.tobytes()) != _at(told, "pixels", "sha256"):
        raise FORM.refused(path, f"the pixels of {name} are others than it tells")
    ran = _at(told, "artifacts", file.artifact)
    top, fed = _top(_at(ran, "top5")), file.tensor(pixels)
    if of_classes and not top:
        raise FORM.refused(path, f"it tells no classes of {file.artifact} for {name}")
    if _sha256(fed) != _at(_first(_at(ran, "inputs")), "sha256"):
        raise FORM.refused(path, f"{file.artifact} is fed another tensor for {name} than it tells")
    output = _output(path.parent, _at(_first(_at(ran, "outputs")), "file"))
    return Case(photo, zlib.crc32(decoded.tobytes()), pixels, top, zlib.crc32(fed), output)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _output(folder: Path, name: Any) -> bytes | None:
    """What a file of the folder holds, where it is named."""
    if not isinstance(name, str) or not _is_plain(name) or (folder / name).is_symlink():
        return None
    try:
        return read_bounded(folder / name, MOST_BINARY_BYTES)
    except OSError as error:
        raise BundleRefused(f"{folder / name} cannot be read: {error.strerror}") from error


def _first(told: Any) -> Any:
    return told[0] if isinstance(told, list) and told else None


def _is_plain(name: str) -> bool:
    """Whether it names a file of the folder, and a C program reads it from a line of a table."""
    return Path(name).name == name and name.isprintable() and "\\" not in name and len(name) < 200


def _at(told: Any, *keys: str) -> Any:
    for key in keys:
        told = told.get(key) if isinstance(told, Mapping) else None
    return told


def _top(told: Any) -> tuple[tuple[int, float], ...]:
    """The classes of `top5`; none where one is no class with its probability."""
    if not isinstance(told, Sequence) or isinstance(told, str):
        return ()
    pairs = [(_at(each, "index"), _at(each, "probability")) for each in told[:5]]
    fine = all(
        type(index) is int
        and 0 <= index < 2**31
        and isinstance(probability, int | float)
        and math.isfinite(probability)
        for index, probability in pairs
    )
    return tuple((index, float(probability)) for index, probability in pairs) if fine else ()
