"""Keypoints: how far each is from where it was marked, in pixels of the photo.

Points go back through the resize and the crop. Of a heat map the point is the centre of its largest
cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.annotations.numbers import NumbersTable
from edgeconv.data.images import upright_size
from edgeconv.data.placement import Placement
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import RefusedError, UsageError
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.tasks.drops import Loss, loss_of_sums
from edgeconv.verify.tasks.figures import Figure
from edgeconv.verify.tasks.heads import Named, numbers_of
from edgeconv.verify.tasks.oks import Likeness, mean_oks, recalls
from edgeconv.verify.tasks.regression import mean_absolute, root_mean_square
from edgeconv.verify.tasks.resampling import Statistic, Sums, figure
from edgeconv.verify.tasks.run import Outputs, require_finite

#: Where the sums of OKS begin.
_OKS = 3

PointForm = Literal["xy", "yx", "heatmap"]
PointUnit = Literal["pixels", "share"]
#: One photo's outputs, and the input's (height, width), to points (points, 2) in its pixels.
DecodePoints = Callable[[Named, tuple[int, int]], NDArray[np.float64]]


@dataclass(frozen=True)
class PointHead:
    """How points are read.

    Attributes:
        output: the name of the output that holds them.
        form: (points, 2) or all in a row, x or y first; or heat maps (points, height, width).
        unit: "pixels" of the input, or "share" of it, 0 to 1; says nothing of heat maps.
        sigmas: of each point, for OKS.
    """

    output: str
    form: PointForm
    unit: PointUnit = "pixels"
    sigmas: tuple[float, ...] | None = None

    def __call__(self, outputs: Named, input_size: tuple[int, int]) -> NDArray[np.float64]:
        """The points; raises RefusedError where the output is of another form."""
        array = outputs[self.output].astype(np.float64)
        sides = np.array(input_size[::-1], np.float64)
        if self.form == "heatmap":
            return _peaks(array, self.output) * sides
        if array.size % 2 or array.ndim > 2 or (array.ndim == 2 and array.shape[1] != 2):
            raise RefusedError(
                f"--decode: output {self.output} has the shape {array.shape} for a photo; points "
                "are (points, 2), or twice as many values in a row"
            )
        points = array.reshape(-1, 2)[:, :: 1 if self.form == "xy" else -1]
        return np.asarray(points * sides if self.unit == "share" else points)


def _peaks(maps: NDArray[np.float64], output: str) -> NDArray[np.float64]:
    """(points, 2) as shares of the input's sides; NaN where a map is not finite."""
    if maps.ndim != 3:
        raise RefusedError(
            f"--decode: output {output} has the shape {maps.shape} for a photo; heat maps are "
            "(points, height, width)"
        )
    _, height, width = maps.shape
    flat = maps.reshape(len(maps), -1)
    rows, columns = np.unravel_index(flat.argmax(axis=1), (height, width))
    points = np.stack([(columns + 0.5) / width, (rows + 0.5) / height], axis=1)
    finite = np.asarray(np.isfinite(flat).all(axis=1))
    return np.where(finite[:, None], points, np.nan)


@dataclass(frozen=True, eq=False)
class ExpectedPoints:
    """A photo's place among them, where it lies in the input, and its points, (points, 2)."""

    photo: int
    placement: Placement
    truth: NDArray[np.float64]


class Keypoints:
    """The task of finding points."""

    def __init__(
        self,
        outputs: Sequence[TensorSpec],
        table: NumbersTable,
        decode: DecodePoints,
        preprocessing: Preprocessing,
        likeness: Likeness | None = None,
    ) -> None:
        """`table` has the columns x and y of each point; raises UsageError where one is alone.

        `likeness` is by what OKS is told, where the things' sizes are known.
        """
        if len(table.columns) % 2:
            raise UsageError(
                f"keypoints have two columns each, x and y; the labels have {len(table.columns)} "
                "columns beside file"
            )
        self._outputs, self._table = outputs, table
        self._decode, self._preprocessing = decode, preprocessing
        self._likeness = likeness

    def expect(self, photo: int, outputs: Outputs) -> ExpectedPoints:
        """Where the photo lies in the input, and its points."""
        require_finite(self._outputs, outputs, photo)
        size = upright_size(self._table.photos[photo])
        truth = self._table.values[photo].reshape(-1, 2)
        inside = (truth >= 0) & (truth <= np.array(size))
        if not (inside | np.isnan(truth)).all():
            raise RefusedError(
                f"a point of {self._table.photos[photo]} lies outside its {size[0]} x {size[1]} "
                "pixels; the labels are in the photo's pixels"
            )
        return ExpectedPoints(photo, Placement.of(size, self._preprocessing), truth)

    def keep(self, outputs: Outputs, expected: ExpectedPoints) -> Sums:
        """(3,): distances, their squares, and how many points were marked; then OKS's, if any."""
        truth = expected.truth
        named = dict(zip((spec.name for spec in self._outputs), outputs, strict=True))
        points = self._decode(named, self._preprocessing.input_size)
        if points.shape != truth.shape:
            raise UsageError(
                f"the net gives {len(points)} points for a photo, and the labels have "
                f"{len(truth)}, two columns each"
            )
        distance = np.linalg.norm(expected.placement.to_photo(points) - truth, axis=1)
        marked = np.asarray(~np.isnan(truth).any(axis=1))
        distance = np.where(np.isnan(distance), np.inf, distance)
        counted = distance[marked]
        sums = np.array([counted.sum(), (counted**2).sum(), marked.sum()], np.float64)
        if self._likeness is None:
            return sums
        return np.concatenate([sums, self._likeness.sums(expected.photo, distance, marked)])

    def figures(self, kept: Sequence[Sums], reference: Sequence[Sums] | None) -> list[Figure]:
        """Both over all points that are marked."""
        sums = np.stack(kept)
        if not sums[:, 2].any():
            raise RefusedError("no point is marked on these photos; there is nothing to judge")
        exact = None if reference is None else np.stack(reference)
        figures: list[tuple[str, Statistic]] = [
            ("mean distance", mean_absolute),
            ("RMS distance", root_mean_square),
        ]
        found = [figure(name, "pixels", by, sums, exact) for name, by in figures]
        if self._likeness is None:
            return found
        shares = {"mean OKS": mean_oks, **recalls()}
        of_oks, exact = sums[:, _OKS:], None if exact is None else exact[:, _OKS:]
        return [
            *(figure(name, "share", by, of_oks, exact) for name, by in shares.items()),
            *found,
        ]

    def loss(self, kept: Sequence[Sums], reference: Sequence[Sums]) -> Loss:
        """Of mean OKS, in points; where there is none, what the distance grows by, in pixels."""
        sums, exact = np.stack(kept), np.stack(reference)
        if self._likeness is not None:
            return loss_of_sums(
                of="mean OKS lost",
                unit="points",
                worse=lambda sums: -100 * mean_oks(sums),
                sums=sums[:, _OKS:],
                exact=exact[:, _OKS:],
            )
        return loss_of_sums(
            of="mean distance gained",
            unit="pixels",
            worse=mean_absolute,
            sums=sums,
            exact=exact,
        )


def points_by(function: Callable[[Named], Any], of: str) -> DecodePoints:
    """A user's function, one photo's outputs by name to (points, 2) in the input's pixels.

    `of` is what it is called in a message.
    """

    def decode(outputs: Named, _: tuple[int, int]) -> NDArray[np.float64]:
        points = numbers_of(function(dict(outputs)), of)
        if points.ndim != 2 or points.shape[1] != 2:
            raise UsageError(f"{of} gave an array of shape {points.shape}; points are (points, 2)")
        return points

    return decode
