"""What is said of one file in a task: figures with their intervals, and their change from float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from edgeconv.runtime.session import Kernels
from edgeconv.verify.accuracy.losses import Shown
from edgeconv.verify.accuracy.proportions import Share

#: A share of 1, decibels, pixels of the photo, or a number in the labels' own unit.
Unit = Literal["share", "dB", "pixels", "number"]


@dataclass(frozen=True)
class Estimate:
    """A value with its two-sided 95 % interval; None where photos are too few to give one."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of_share(cls, found: Share) -> Self:
        """That of a count."""
        return cls(found.value, found.low, found.high)


@dataclass(frozen=True)
class Figure:
    """One figure of one file.

    Attributes:
        name: what it is, such as "mean IoU".
        unit: of its values.
        estimate: the file's.
        change: the file's less the reference's, on the same photos; None of the reference itself,
            and of figures that compare with it anyway.
        of: the output, or the part of it, that it is of; "" where there is one alone.
    """

    name: str
    unit: Unit
    estimate: Estimate
    change: Estimate | None = None
    of: str = ""


@dataclass(frozen=True)
class FileFigures:
    """One file in a task.

    Attributes:
        artifact: its short name or path.
        sha256: of the file, in hexadecimal.
        engine: what ran it.
        kernels: "default", or "reference" where the default ones saturate on this CPU.
        figures: what was found, in the task's order.
        bound: what the photos show of a bound on what it loses; None of the reference itself, and
            where none is asked for.
    """

    artifact: str
    sha256: str
    engine: str
    kernels: Kernels
    figures: tuple[Figure, ...]
    bound: Shown | None = None
