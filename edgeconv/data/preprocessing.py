"""The one definition of how a photo becomes a net's input, for every runtime.

All geometry happens on 8-bit RGB pixels, so that the pixels an app crops are exactly the pixels the
float reference saw; normalization is the affine map that follows:

    x = (pixel / 255 - mean) / std        (per channel, float32)

Both halves equal torchvision's `Resize`, `CenterCrop`, `ToTensor` and `Normalize` on PIL images bit
for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.data.geometry import resize_and_crop
from edgeconv.data.images import MODES, Mode, to_mode
from edgeconv.documents import NotJson, parse
from edgeconv.errors import RefusedError, UsageError

Interpolation = Literal["bilinear", "bicubic"]
Stretch = Literal["stretch"]

MAX_SIDE = 8192
"""Longest input side or resize in pixels; past it a wrong number is likelier than a wish."""

#: Of a whole number: what is longer may be no float.
_MOST_BITS = 63

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preprocessing:
    """How a decoded photo becomes a net's input.

    Attributes:
        input_size: (height, width) in pixels of what the net sees, the centre crop.
        resize: length in pixels the photo's short side is scaled to before the crop. Where it is
            less than a side of `input_size`, the crop is padded with black. "stretch": the whole
            photo is scaled to `input_size` whatever its proportions, and nothing is cut off.
        mean: mean of each channel on 0..1: of grey, RGB or RGBA, one, three or four.
        std: standard deviation of each channel, likewise.
        interpolation: resampling filter of the resize, with antialiasing.

    Raises:
        UsageError: a value is out of range.
    """

    input_size: tuple[int, int] = (224, 224)
    resize: int | Stretch = 256
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        if len(self.input_size) != 2:
            raise UsageError(f"input_size is {self.input_size!r}; it is (height, width)")
        sides = [("input_size", side) for side in self.input_size]
        if not isinstance(self.resize, str):
            sides.append(("resize", self.resize))
        elif self.resize not in get_args(Stretch):
            raise UsageError(f"resize is {self.resize[:60]!r}; it is a number of pixels or stretch")
        for name, side in sides:
            if not 1 <= side <= MAX_SIDE:
                raise UsageError(f"{name} is {side!r} pixels; 1 to {MAX_SIDE} are possible")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in MODES or not all(math.isfinite(value) for value in values):
                raise UsageError(
                    f"{name} is {values!r}; it is three finite numbers, R, G and B, one of grey, "
                    "or four with a fourth channel"
                )
        if len(self.mean) != len(self.std):
            raise UsageError(
                f"mean is of {len(self.mean)} channels and std of {len(self.std)}; give as many"
            )
        if min(self.std) <= 0:
            raise UsageError(f"std is {self.std!r}; each must be greater than 0")
        if self.interpolation not in get_args(Interpolation):
            allowed = ", ".join(get_args(Interpolation))
            raise UsageError(f"interpolation is {self.interpolation[:60]!r}; allowed: {allowed}")

    @property
    def channels(self) -> int:
        """Of the net's image."""
        return len(self.mean)

    @property
    def mode(self) -> Mode:
        """In which a photo is read, as Pillow calls it."""
        return MODES[self.channels]

    @property
    def low(self) -> tuple[float, ...]:
        """What a black pixel becomes, by channel: no value of an input is below."""
        return tuple(-mean / std for mean, std in zip(self.mean, self.std, strict=True))

    @property
    def high(self) -> tuple[float, ...]:
        """What a white pixel becomes, by channel: no value of an input is above."""
        return tuple((1 - mean) / std for mean, std in zip(self.mean, self.std, strict=True))

    def to_json(self) -> dict[str, Any]:
        """The values as JSON types, every field present."""
        return {
            "input_size": list(self.input_size),
            "resize": self.resize,
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | str) -> Preprocessing:
        """Reads what `to_json` wrote, from a file that may hold anything; absent fields default.

        Args:
            document: the mapping, or its JSON text.

        Raises:
            RefusedError: no JSON object, an unknown field, a wrong type or a value out of range.
        """
        if isinstance(document, str):
            try:
                document = parse(document)
            except NotJson as error:
                raise RefusedError(f"preprocessing is no JSON: {error}") from error
        if not isinstance(document, Mapping):
            raise RefusedError(f"preprocessing is a JSON {type(document).__name__}, not an object")
        known = [field.name for field in fields(cls)]
        unknown = sorted(str(key) for key in document if key not in known)
        if unknown:
            shown = ascii(unknown[0][:60])
            raise RefusedError(
                f"preprocessing has the unknown field {shown}; known: {', '.join(known)}"
            )
        try:
            return cls(**{name: _value(name, document[name]) for name in document})
        except UsageError as error:
            raise RefusedError(f"preprocessing: {error}") from error


def scaled_to(preprocessing: Preprocessing, input_size: tuple[int, int]) -> Preprocessing:
    """The same share of a photo at another size, (H, W): `resize` in proportion to its longer side.

    A stretched photo is stretched to the other size.

    Raises:
        UsageError: the size is none.
    """
    if preprocessing.resize == "stretch":
        return replace(preprocessing, input_size=input_size)
    ratio = preprocessing.resize / max(preprocessing.input_size)
    resize = max(1, round(max(input_size) * ratio))
    return replace(preprocessing, input_size=input_size, resize=resize)


def _value(name: str, value: Any) -> Any:
    if name == "interpolation":
        return value if isinstance(value, str) else _wrong(name, value, "a string")
    if name == "resize":
        fits = value in get_args(Stretch) or _is_number(value, int)
        return value if fits else _wrong(name, value, 'an integer or "stretch"')
    wanted, kind, lengths = (
        ("two integers, height and width", int, (2,))
        if name == "input_size"
        else ("three numbers, one of grey, or four", (int, float), tuple(MODES))
    )
    if not isinstance(value, list | tuple) or len(value) not in lengths:
        return _wrong(name, value, wanted)
    if not all(_is_number(item, kind) for item in value):
        return _wrong(name, value, wanted)
    return tuple(value) if name == "input_size" else tuple(float(item) for item in value)


def _is_number(value: Any, kind: Any) -> bool:
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return False
    return isinstance(value, kind) and not isinstance(value, bool)


def _wrong(name: str, value: Any, wanted: str) -> Any:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    raise RefusedError(f"preprocessing: {name} is {shown}; it must be {wanted}")


def crop_pixels(image: Image.Image, pre: Preprocessing) -> NDArray[np.uint8]:
    """Scales a photo and cuts the centre, or stretches it, as an app is asked to do.

    Args:
        image: a decoded photo; modes other than the net's go through `images.to_mode` first.
        pre: the geometry, and how many channels.

    Returns:
        uint8 pixels (H, W, channels), equal to torchvision's Resize and CenterCrop bit for bit, or
        where it is stretched to its Resize to (H, W).

    Raises:
        ImageRefused: the photo is so narrow that the scaled one would exhaust memory.
    """
    image = to_mode(image, pre.mode)
    resample = _FILTERS[pre.interpolation]
    if pre.resize == "stretch":
        height, width = pre.input_size
        cropped = image.resize((width, height), resample)
    else:
        cropped = resize_and_crop(image, pre.resize, pre.input_size, resample)
    return np.array(cropped, dtype=np.uint8).reshape(*pre.input_size, pre.channels)


def normalize(pixels: NDArray[np.uint8], pre: Preprocessing) -> NDArray[np.float32]:
    """The float input of the reference.

    Args:
        pixels: uint8 (H, W, channels).
        pre: mean and std.

    Returns:
        float32 (channels, H, W), C-contiguous, equal to torchvision's ToTensor and Normalize bit
        for bit.
    """
    mean = np.asarray(pre.mean, dtype=np.float32)
    std = np.asarray(pre.std, dtype=np.float32)
    unit = np.asarray(pixels, dtype=np.float32) / np.float32(255)
    return np.ascontiguousarray(((unit - mean) / std).transpose(2, 0, 1))


def normalize_batch(photos: Iterable[NDArray[np.uint8]], pre: Preprocessing) -> NDArray[np.float32]:
    """Stacks photos of (H, W, C) into one float32 (N, C, H, W); (0, C, H, W) where there are none.

    Holds the whole batch in memory: 0.6 MB a photo at 224 x 224.
    """
    batch = [normalize(pixels, pre) for pixels in photos]
    if not batch:
        return np.zeros((0, pre.channels, *pre.input_size), dtype=np.float32)
    return np.stack(batch)
