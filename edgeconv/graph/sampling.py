"""Where GridSample reads an image, in whatever arithmetic it is asked: NumPy's, or a file's.

A grid holds for each output pixel a place (x, y), -1 to 1 across the image. Along each axis such a
place becomes a few taps: a pixel and its weight. What is given is the sum over the taps of both
axes of the product of their weights with the pixel at both.

Source: PyTorch's aten/src/ATen/native/GridSampler.h; ONNX's GridSample, which is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import integer, string

Array = NDArray[Any]
T = TypeVar("T")

#: Of the cubic convolution, PyTorch's.
_CUBIC = -0.75


class Arithmetic(Protocol[T]):
    """What places are computed with, value by value; operands may be numbers."""

    def add(self, a: T, b: T | float) -> T:
        """a + b."""

    def subtract(self, a: T | float, b: T | float) -> T:
        """a - b."""

    def multiply(self, a: T, b: T | float) -> T:
        """a * b."""

    def least(self, a: T, b: float) -> T:
        """The lesser."""

    def largest(self, a: T, b: float) -> T:
        """The larger."""

    def floor(self, a: T) -> T:
        """Rounded down."""

    def nearest(self, a: T) -> T:
        """Rounded to the nearest, halves to even."""

    def size(self, a: T) -> T:
        """Without its sign."""


class Numbers:
    """Arithmetic of float32 arrays."""

    add = staticmethod(np.add)
    subtract = staticmethod(np.subtract)
    multiply = staticmethod(np.multiply)
    least = staticmethod(np.minimum)
    largest = staticmethod(np.maximum)
    floor = staticmethod(np.floor)
    nearest = staticmethod(np.rint)
    size = staticmethod(np.abs)


@dataclass(frozen=True)
class Sampling:
    """How a GridSample reads.

    Attributes:
        mode: its interpolation.
        padding: what stands around the image.
        aligned: whether -1 and 1 are the centres of the outermost pixels, not the image's edges.
    """

    mode: Literal["nearest", "linear", "cubic"]
    padding: Literal["zeros", "border", "reflection"]
    aligned: bool

    @classmethod
    def of(cls, node: ir.Node) -> Sampling:
        """What a node's attributes say, by the words of opset 16 or 20."""
        mode = string(node, "mode", "linear").removeprefix("bi")
        padding = string(node, "padding_mode", "zeros")
        return cls(mode, padding, integer(node, "align_corners", 0) == 1)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Tap(Generic[T]):
    """One pixel along an axis: which, as a whole float, and its weight; None is 1."""

    pixel: T
    weight: T | None


def taps(a: Arithmetic[T], place: T, length: int, sampling: Sampling) -> list[Tap[T]]:
    """The pixels that a place reads along an axis.

    Args:
        a: what to compute with.
        place: -1 to 1 across the image.
        length: of the axis.
        sampling: of the node.
    """
    if sampling.aligned:
        centre = a.multiply(a.multiply(a.add(place, 1.0), 0.5), length - 1.0)
    else:
        centre = a.multiply(a.subtract(a.multiply(a.add(place, 1.0), float(length)), 1.0), 0.5)
    if sampling.mode != "cubic":
        centre = _returned(a, centre, length, sampling)
    if sampling.mode == "nearest":
        return [_tap(a, a.nearest(centre), None, length, sampling)]
    first = a.floor(centre)
    beyond = a.subtract(centre, first)
    if sampling.mode == "linear":
        weights = {0.0: a.subtract(1.0, beyond), 1.0: beyond}
    else:
        weights = _cubic_weights(a, beyond)
    found = []
    for offset, weight in weights.items():
        pixel = first if offset == 0.0 else a.add(first, offset)
        if sampling.mode == "cubic":
            pixel = _returned(a, pixel, length, sampling)
        found.append(_tap(a, pixel, weight, length, sampling))
    return found


def _returned(a: Arithmetic[T], place: T, length: int, sampling: Sampling) -> T:
    """A place outside of the image, in pixels, brought back into it as its padding says."""
    if sampling.padding == "zeros":
        return place
    if sampling.padding == "reflection":
        place = _reflected(a, place, length, sampling.aligned)
    return _clipped(a, place, length)


def _reflected(a: Arithmetic[T], place: T, length: int, aligned: bool) -> T:
    """Mirrored as often as it takes: a wave of straight lines."""
    low, span = (0.0, length - 1.0) if aligned else (-0.5, float(length))
    if span == 0.0:
        return a.multiply(place, 0.0)
    away = a.subtract(place, low)
    rounds = a.floor(a.multiply(away, 1 / (2 * span)))
    within = a.subtract(away, a.multiply(rounds, 2 * span))
    return a.subtract(span + low, a.size(a.subtract(within, span)))


def _clipped(a: Arithmetic[T], place: T, length: int) -> T:
    return a.least(a.largest(place, 0.0), length - 1.0)


def _tap(a: Arithmetic[T], pixel: T, weight: T | None, length: int, sampling: Sampling) -> Tap[T]:
    """A tap inside of the image; outside of it, one that weighs nothing."""
    inside = _clipped(a, pixel, length)
    if sampling.padding != "zeros":
        return Tap(inside, weight)
    is_inside = a.subtract(1.0, a.least(a.size(a.subtract(pixel, inside)), 1.0))
    return Tap(inside, is_inside if weight is None else a.multiply(weight, is_inside))


def _cubic_weights(a: Arithmetic[T], beyond: T) -> dict[float, T]:
    """By offset, the weights of the four pixels around a place so far beyond the second."""
    before = a.subtract(1.0, beyond)
    return {
        -1.0: _far(a, a.add(beyond, 1.0)),
        0.0: _near(a, beyond),
        1.0: _near(a, before),
        2.0: _far(a, a.add(before, 1.0)),
    }


def _near(a: Arithmetic[T], x: T) -> T:
    """((A + 2) x - (A + 3)) x x + 1, of distances up to 1."""
    slope = a.subtract(a.multiply(x, _CUBIC + 2), _CUBIC + 3)
    return a.add(a.multiply(a.multiply(slope, x), x), 1.0)


def _far(a: Arithmetic[T], x: T) -> T:
    """((A x - 5 A) x + 8 A) x - 4 A, of distances from 1 to 2."""
    inner = a.add(a.multiply(a.subtract(a.multiply(x, _CUBIC), 5 * _CUBIC), x), 8 * _CUBIC)
    return a.subtract(a.multiply(inner, x), 4 * _CUBIC)


def sampled(image: Array, grid: Array, sampling: Sampling) -> Array:
    """GridSample: (N, C, H, W) at (N, H', W', 2), in float32."""
    height, width = image.shape[2:]
    places = np.asarray(grid, np.float32)
    columns = taps(Numbers(), places[..., 0], width, sampling)
    rows = taps(Numbers(), places[..., 1], height, sampling)
    batch = np.arange(len(image))[:, None, None]
    total = np.zeros((len(image), image.shape[1], *grid.shape[1:3]), np.float32)
    for row in rows:
        for column in columns:
            read = image[batch, :, row.pixel.astype(np.intp), column.pixel.astype(np.intp)]
            for weight in (row.weight, column.weight):
                read = read if weight is None else read * weight[..., None]
            total += read.transpose(0, 3, 1, 2)
    return total
