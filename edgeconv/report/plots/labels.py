"""Where marks and names of points go: names never over a name, a mark or the border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Boxes of fonts are up to so many times as high as their size.
LINE_HEIGHT = 1.45
#: Steps from a point to its name, in pixels; past the first a line leads there.
_REACHES = (7.0, 16.0, 26.0, 38.0)
_DIRECTIONS = ((1, 0), (0, 1), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
_AIR = 2.0
#: Marks of one row, where many points are at one place.
_MOST_BESIDE = 5


@dataclass(frozen=True)
class Placed:
    """A name and where it goes.

    Attributes:
        index: of the point.
        x, y: middle of the name, in pixels.
        led: whether a line has to lead from the point to the name.
    """

    index: int
    x: float
    y: float
    led: bool


def place(
    points: NDArray[np.float64],
    widths: Sequence[float],
    order: Sequence[int],
    taken: NDArray[np.float64],
    bounds: tuple[float, float, float, float],
    size: float,
) -> list[Placed]:
    """Names of points, the more important first; those without room are left out.

    Args:
        points: (n, 2), in pixels.
        widths: of each point's name, in pixels.
        order: which points get names, the most important first.
        taken: (m, 4) boxes that stay free: left, low, right, high.
        bounds: the box that names stay in.
        size: of the font, in pixels.
    """
    placed = []
    height = size * LINE_HEIGHT
    for index in order:
        found = _free(points[index], (widths[index], height), taken, bounds)
        if found is None:
            continue
        middle, led = found
        half = np.array([widths[index], height]) / 2 + _AIR
        taken = np.vstack([taken, [*(middle - half), *(middle + half)]])
        placed.append(Placed(index, float(middle[0]), float(middle[1]), led))
    return placed


def apart(points: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Where marks stand: those within half a mark of an earlier one beside it, in rows.

    Args:
        points: (n, 2), in pixels.
        size: of a mark, in pixels.

    Returns:
        (n, 2); at most a few marks from `points`.
    """
    stand = points.copy()
    free = np.ones(len(points), bool)
    for index in range(len(points)):
        if not free[index]:
            continue
        near = np.flatnonzero(free & (np.abs(points - points[index]).max(axis=1) < size / 2))
        free[near] = False
        rows = np.arange(len(near)) // _MOST_BESIDE
        for row in np.unique(rows):
            members = near[rows == row]
            stand[members, 0] += (np.arange(len(members)) - (len(members) - 1) / 2) * size
            stand[members, 1] -= row * size
    return stand


def _free(
    point: NDArray[np.float64],
    size: tuple[float, float],
    taken: NDArray[np.float64],
    bounds: tuple[float, float, float, float],
) -> tuple[NDArray[np.float64], bool] | None:
    half = np.array(size) / 2
    for number, reach in enumerate(_REACHES):
        for direction in _DIRECTIONS:
            middle = point + np.array(direction) * (half + reach)
            low, high = middle - half, middle + half
            inside = (low >= bounds[:2]).all() and (high <= bounds[2:]).all()
            clear = (
                (taken[:, 0] >= high[0])
                | (taken[:, 2] <= low[0])
                | (taken[:, 1] >= high[1])
                | (taken[:, 3] <= low[1])
            )
            if inside and clear.all():
                return middle, number > 0
    return None
