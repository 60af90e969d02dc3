"""Resizing by PyTorch's own arithmetic, where ONNX's Resize or TFLite's operators sample otherwise.

Every mode of `interpolate` works along each axis by itself and is linear in what it reads, so along
an axis it is a matrix (output length, length). PyTorch is asked for that matrix: it resizes the
identity. What both formats have an operator for stays one. Of the rest

- a matrix that only selects becomes an index along its axis (nearest, nearest-exact);
- any other becomes a product with a constant matrix (bicubic, antialiased, linear by a factor that
  is not the ratio of the sizes, areas of a larger image), in the order that costs least.

To areas of a smaller image it is adaptive pooling.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.export.capture.decompositions.adaptive_pools import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
)
from edgeconv.export.capture.untraced import untraced

_Numbers = Any  # one, or a sequence with one for each axis; in a trace, sizes are tensors

#: Modes that TFLite has an operator for; in one dimension PyTorch calls them otherwise.
_WRITTEN = {"nearest": "nearest", "linear": "bilinear", "bilinear": "bilinear"}

#: Modes that may come to the same as one of them.
_PERHAPS = {"nearest-exact": "nearest", "area": "nearest"}

#: What two float32 matrices of one resizing may differ by.
_ROUNDING = 1e-6


def interpolate(
    input: Tensor,
    size: _Numbers | None = None,
    scale_factor: _Numbers | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """`torch.nn.functional.interpolate`."""
    rank = input.dim() - 2
    sides = [int(side) for side in input.shape[2:]]
    recomputed = recompute_scale_factor
    options = {"mode": mode, "align_corners": align_corners, "antialias": antialias}
    factors = None if scale_factor is None else _each(scale_factor, rank)
    sizes = None if size is None else [int(length) for length in _each(size, rank)]
    with untraced():
        matrices = [
            _matrix(side, rank, axis, options | _target(axis, rank, sizes, factors, recomputed))
            for axis, side in enumerate(sides)
        ]
        lengths = [len(matrix) for matrix in matrices]
        written = _written(sides, lengths, matrices, options)
    if mode == "area" and rank < 3 and all(map(operator.le, lengths, sides)):
        return (adaptive_avg_pool1d if rank == 1 else adaptive_avg_pool2d)(input, lengths)
    if written is not None:
        return _one_operator(input, lengths, written, align_corners)
    return _along_axes(input, matrices)


def _each(given: _Numbers, rank: int) -> list[Any]:
    numbers = list(given) if isinstance(given, (tuple, list)) else [given] * rank
    return [float(n) if isinstance(n, Tensor) and n.is_floating_point() else n for n in numbers]


def _target(
    axis: int,
    rank: int,
    sizes: Sequence[int] | None,
    factors: Sequence[float] | None,
    recomputed: bool | None,
) -> dict[str, Any]:
    """What to resize to along one axis, the others staying as they are."""
    if sizes is not None:
        return {"size": sizes[axis]}
    factor = None if factors is None else factors[axis]
    scales = tuple(factor if i == axis else 1.0 for i in range(rank))
    return {"scale_factor": scales, "recompute_scale_factor": recomputed}


def _matrix(side: int, rank: int, axis: int, options: dict[str, Any]) -> Tensor:
    """What resizing one axis multiplies it by, (output length, length)."""
    # A second axis as long, not of length 1: there PyTorch's antialiased resizing is wrong.
    shape = [side if rank == 2 or i == axis else 1 for i in range(rank)]
    if "size" in options:
        size = [options["size"] if i == axis else length for i, length in enumerate(shape)]
        options = {**options, "size": size}
    identity = torch.eye(side).reshape(1, -1, *shape)
    resized: Tensor = functional.interpolate(identity, **options)
    return resized[0, 0] if rank == 2 and axis == 0 else resized.reshape(side, -1).T


def _written(
    sides: Sequence[int],
    lengths: Sequence[int],
    matrices: Sequence[Tensor],
    options: dict[str, Any],
) -> str | None:
    """The mode of an operator that resizes to these lengths by these matrices, None without."""
    rank, mode = len(sides), _PERHAPS.get(options["mode"], options["mode"])
    if rank > 2 or options["antialias"] or mode not in _WRITTEN:
        return None
    for axis, (side, length) in enumerate(zip(sides, lengths, strict=True)):
        usual = _matrix(side, rank, axis, {**options, "mode": mode, "size": length})
        if not torch.allclose(usual, matrices[axis], rtol=0, atol=_ROUNDING):
            return None
        if mode == "nearest" and not _is_agreed(usual):
            return None
    return _WRITTEN[mode]


def _is_agreed(matrix: Tensor) -> bool:
    """Whether all engines read the nearest pixels that PyTorch reads.

    It multiplies by the ratio of the sizes, onnxruntime divides by its inverse, others are exact:
    where that comes out at a whole number but for rounding, they read neighbours.
    """
    length, side = matrix.shape
    places = torch.arange(length)
    divided = places.float() / (torch.tensor(float(length)) / float(side))
    chosen = matrix.argmax(1)
    exact = places * side // length
    return torch.equal(divided.floor().long(), chosen) and torch.equal(exact, chosen)


def _one_operator(x: Tensor, lengths: list[int], mode: str, align_corners: bool | None) -> Tensor:
    """A resizing of an image; a line of numbers becomes one of height 1."""
    if x.dim() == 4:
        return functional.interpolate(x, lengths, mode=mode, align_corners=align_corners)
    image = x.unsqueeze(2)
    wide = functional.interpolate(image, [1, *lengths], mode=mode, align_corners=align_corners)
    return wide.squeeze(2)


def _along_axes(x: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    sides = [int(side) for side in x.shape[2:]]
    for axis in min(itertools.permutations(range(len(sides))), key=_Cost(sides, matrices)):
        x = _resized(x, 2 + axis, matrices[axis])
    return x


class _Cost:
    """Multiply-adds of products along axes in an order, for one channel."""

    def __init__(self, sides: Sequence[int], matrices: Sequence[Tensor]) -> None:
        self._sides, self._lengths = list(sides), [len(matrix) for matrix in matrices]

    def __call__(self, order: Sequence[int]) -> int:
        """The sum over the order's products."""
        sides, total = list(self._sides), 0
        for axis in order:
            total += math.prod(sides) * self._lengths[axis]
            sides[axis] = self._lengths[axis]
        return total


def _resized(x: Tensor, axis: int, matrix: Tensor) -> Tensor:
    length, side = matrix.shape
    if length == side and torch.equal(matrix, torch.eye(side)):
        return x
    chosen = matrix.argmax(1)
    if torch.equal(matrix, functional.one_hot(chosen, side).to(matrix.dtype)):
        return x.index_select(axis, chosen)
    product: Tensor = x.transpose(axis, -1) @ matrix.T.to(x.dtype)
    return product.transpose(axis, -1)
