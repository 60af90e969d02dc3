"""What LiteRT's int8 RESIZE_BILINEAR is off by because it counts places in 1024ths of a pixel.

Its portable kernel rounds the distance of two output pixels to ten fraction bits and multiplies it
by the output pixel's number, so that the error grows along a row: at the 96th pixel it is up to
0.046 of an input pixel, which beside a step of 255 integers is 12 of them. A file that uses the
operator rightly is not at fault, and its values are judged by what this explains.

Source: tensorflow/lite/kernels/internal/reference/resize_bilinear.h, ResizeBilinearInteger. Ratios
that ten bits hold exactly (twice, four times) explain nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.files.tflite.file import (
    TfliteFile,
    TfliteOperator,
    TfliteTensor,
    options_of,
    refusing_damage,
)
from edgeconv.runtime.litert import LiteRtSession

Array = NDArray[np.float64]
#: The kernel's unit of a pixel.
_ONE = 1 << 10


@dataclass(frozen=True)
class BilinearResize:
    """One RESIZE_BILINEAR on int8 images.

    Attributes:
        read: name of the tensor it reads, NHWC.
        written: name of the tensor it writes, NHWC.
        size: rows and columns of that.
        align_corners: the operator's flag.
        half_pixel_centers: the operator's flag.
    """

    read: str
    written: str
    size: tuple[int, int]
    align_corners: bool
    half_pixel_centers: bool

    def explained(self, image: NDArray[Any]) -> NDArray[np.int16]:
        """Steps beyond the first by which each value may differ; `image` is int8 (N, H, W, C)."""
        values = image.astype(np.float64)
        fixed, exact = (self._resized(values, in_1024ths=rounded) for rounded in (True, False))
        # Two numbers that lie x apart are less than x + 1 apart once both are rounded.
        more: Array = np.ceil(np.abs(fixed - exact) - 1e-6) - 1
        return more.clip(min=0).astype(np.int16)

    def _resized(self, image: Array, *, in_1024ths: bool) -> Array:
        for axis, size in enumerate(self.size, start=1):
            places = self._places(image.shape[axis], size, in_1024ths)
            image = _interpolated(image, axis, places)
        return image

    def _places(self, size: int, new_size: int, in_1024ths: bool) -> Array:
        """Where each output pixel samples, in input pixels."""
        aligned = self.align_corners and new_size > 1
        over, under = (size - 1, new_size - 1) if aligned else (size, new_size)
        pitch = _ONE * over / under
        if in_1024ths:
            pitch = (_ONE * over + under // 2) // under
        places = np.arange(new_size) * pitch
        if self.half_pixel_centers:
            places = places + (pitch // 2 if in_1024ths else pitch / 2) - _ONE // 2
        return np.clip(places / _ONE, 0, size - 1)


def bilinear_resizes(file: TfliteFile) -> tuple[BilinearResize, ...]:
    """Those of a file that work on int8.

    Raises:
        ArtifactRefused: it is damaged.
    """
    with refusing_damage(file.path):
        return tuple(
            _resize(operator)
            for operator in file.operators
            if operator.code == "RESIZE_BILINEAR" and _first(operator).type == "int8"
        )


def explained_steps(
    resizes: tuple[BilinearResize, ...], lite: LiteRtSession
) -> Mapping[str, NDArray[np.int16]]:
    """Steps that each resize's places explain beyond the first, by the tensor it writes.

    In the file's order; `lite` has run, and keeps its tensors.
    """
    return {r.written: r.explained(lite.read_tensor(r.read)) for r in resizes}


def _first(operator: TfliteOperator) -> TfliteTensor:
    """The image it reads."""
    return next(tensor for tensor in operator.inputs if tensor is not None)


def _resize(operator: TfliteOperator) -> BilinearResize:
    written, options = operator.outputs[0], options_of(operator)
    _, height, width, _ = written.shape
    return BilinearResize(
        read=_first(operator).name,
        written=written.name,
        size=(height, width),
        align_corners=bool(options.alignCorners),
        half_pixel_centers=bool(options.halfPixelCenters),
    )


def _interpolated(image: Array, axis: int, places: Array) -> Array:
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, image.shape[axis] - 1)
    share = (places - low).reshape([-1 if i == axis else 1 for i in range(image.ndim)])
    lower, upper = np.take(image, low, axis), np.take(image, high, axis)
    return np.asarray(lower * (1 - share) + upper * share)
