"""What a figure of points shows: measured numbers, their names, which lie on the front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Magnitudes that an axis holds; nothing measured is beyond.
_LEAST, _MOST = 1e-90, 1e90


@dataclass(frozen=True)
class Measured:
    """A number that was measured, with its interval where there is one.

    Attributes:
        value: the point estimate.
        low, high: ends of the interval; None where it is not known.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """The interval, of no width where it is not known."""
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        return low, high

    @property
    def can_be_drawn(self) -> bool:
        """Whether it is a number that an axis can hold."""
        return all(n == 0 or _LEAST < abs(n) < _MOST for n in (self.value, *self.ends))


@dataclass(frozen=True)
class Point:
    """What is compared.

    Attributes:
        name: shown beside the point.
        panel: drawn together with the others of that name, such as a device.
        kind: told apart by shape and colour, such as "int8 tflite".
        x, y: None where it was not measured.
        noisy: whether x was too noisy to trust; drawn hollow and dashed.
    """

    name: str
    panel: str
    kind: str
    x: Measured | None
    y: Measured | None
    noisy: bool = False


@dataclass(frozen=True)
class Axis:
    """What an axis shows, its unit, and whether less of it is better."""

    name: str
    unit: str
    is_less_better: bool

    def __str__(self) -> str:
        return f"{self.name}, {self.unit}" if self.unit else self.name

    def told(self, number: Measured) -> str:
        """A number in words, with its interval where there is one."""
        said = f"{number.value:.4g} {self.unit}".strip()
        if number.low is None or number.high is None:
            return said
        return f"{said} ({number.low:.4g} to {number.high:.4g})"


@dataclass(frozen=True)
class Drawn:
    """A point that has both figures."""

    point: Point
    x: Measured
    y: Measured


def drawn_of(points: Sequence[Point]) -> list[Drawn]:
    """The points that have both figures, in their order."""
    return [
        Drawn(point, point.x, point.y)
        for point in points
        if point.x is not None and point.y is not None
        if point.x.can_be_drawn and point.y.can_be_drawn
    ]


def front(points: Sequence[tuple[float, float]], axes: tuple[Axis, Axis]) -> list[int]:
    """Which points no other one beats: none is as good in both, and better in one.

    Returns:
        Their indices, the best in x first.
    """
    costs = [
        [n if axis.is_less_better else -n for n, axis in zip(p, axes, strict=True)] for p in points
    ]
    best = math.inf
    on: list[int] = []
    for index in sorted(range(len(points)), key=costs.__getitem__):
        if costs[index][1] < best or (on and costs[on[-1]] == costs[index]):
            best = costs[index][1]
            on.append(index)
    return on
