"""Outputs judged by their parts, not by their loudest part.

A detector's one output of boxes in pixels and scores in 0..1 has 50 dB of the boxes' energy when
every score is zero. So each part of an output (`hub_parts`) is compared by itself, and the worst
is shown and judged. A part is right where any of these holds, for a right file meets one of them
however quiet the part is on the photos at hand:

    its own SQNR is at least the stage's bound
    no value is off by more than a quarter of the part's largest
    no value is off by more than two steps of an int8 grid of the part's own

A channel of a map may be quieter than the noise of its layer, also in a right file: features have
such. It is lost where it has become a few values, which no noise makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeconv.errors import BundleRefused
from edgeconv.runtime.metrics import Figures, FloatArray, compare, rounded
from edgeconv.verify.thresholds import PARTS


@dataclass(frozen=True)
class OutputPart:
    """A block of an output.

    Attributes:
        name: the hub tensor that lies there.
        start, stop: its bounds along each axis behind the batch.
        step: of an int8 grid of its own; 0 where no calibration has seen it.
    """

    name: str
    start: tuple[int, ...]
    stop: tuple[int, ...]
    step: float = 0.0

    def of(self, array: FloatArray) -> FloatArray:
        """The part of a whole output, (N, ...)."""
        block = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return array[(slice(None), *block)]

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return {
            "name": self.name,
            "start": list(self.start),
            "stop": list(self.stop),
            "step": rounded(self.step) or 0.0,
        }


@dataclass(frozen=True)
class OutputParts:
    """How an output is told apart.

    Attributes:
        parts: what was joined to it; none where nothing was.
        channel_axis: along which its channels are judged too; None for a row of logits.
    """

    parts: tuple[OutputPart, ...] = ()
    channel_axis: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return {"parts": [p.to_json() for p in self.parts], "channel_axis": self.channel_axis}

    @classmethod
    def from_json(cls, document: Any, shape: Sequence[int]) -> OutputParts:
        """Reads what `to_json` gave, of an output of this shape.

        Raises:
            BundleRefused: it is of another form, or leaves the output.
        """
        try:
            found = cls(
                tuple(
                    OutputPart(
                        str(p["name"]),
                        tuple(map(int, p["start"])),
                        tuple(map(int, p["stop"])),
                        float(p["step"]),
                    )
                    for p in document["parts"]
                ),
                None if document["channel_axis"] is None else int(document["channel_axis"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BundleRefused(f"the manifest's parts of an output are damaged: {error}") from None
        for part in found.parts:
            if not len(part.start) == len(part.stop) == len(shape) - 1 or not all(
                0 <= a < b <= d for a, b, d in zip(part.start, part.stop, shape[1:], strict=True)
            ):
                raise BundleRefused(f"the manifest's part {part.name!r} leaves its output {shape}")
        if found.channel_axis is not None and not 1 <= found.channel_axis < len(shape):
            raise BundleRefused(f"the manifest's channel axis is none of an output {shape}")
        return found


@dataclass(frozen=True)
class PartResult:
    """One part of an output, judged.

    Attributes:
        output: the output's name.
        part: the part's, or `channel 3`.
        sqnr_db: of the part alone.
        relative_error: its largest error, as a share of its largest value.
        passed: whether it is right.
    """

    output: str
    part: str
    sqnr_db: float
    relative_error: float
    passed: bool

    def to_json(self) -> dict[str, Any]:
        """The fields by name, figures with four significant digits."""
        figures = ("sqnr_db", "relative_error")
        return {**vars(self), **{name: rounded(getattr(self, name)) for name in figures}}

    def __str__(self) -> str:
        return (
            f"worst part {self.part} of {self.output}: {self.sqnr_db:.1f} dB, off by up to "
            f"{self.relative_error:.2g} of its largest value{'' if self.passed else ', LOST'}"
        )


def worst_part(
    parts: Mapping[str, OutputParts],
    references: Mapping[str, FloatArray],
    outputs: Sequence[FloatArray],
    *,
    sqnr_db: float | None = None,
    relative_error: float | None = None,
) -> PartResult | None:
    """The worst part of all outputs; None where none has parts.

    Args:
        parts: by output.
        references: by output, in the order of `outputs`.
        outputs: what is judged, over the same photos or the first of them.
        sqnr_db: the stage's bound, for files of integers.
        relative_error: the stage's bound, for float files.
    """
    results = [
        PartResult(
            name,
            part.name,
            figures.sqnr_db,
            figures.relative_error,
            _is_right(part, figures, sqnr_db, relative_error),
        )
        for (name, whole), made in zip(references.items(), outputs, strict=True)
        for part in _told_apart(parts.get(name, OutputParts()), whole[: len(made)], made)
        if sqnr_db is not None or not part.is_channel
        for figures in [compare(part.reference, part.output)]
    ]
    return min(results, key=lambda r: (r.passed, r.sqnr_db), default=None)


@dataclass(frozen=True, eq=False)
class _Compared:
    """A part of an output beside the reference's; `step` is of a grid of its own."""

    name: str
    reference: FloatArray
    output: FloatArray
    step: float = 0.0
    is_channel: bool = False


def _told_apart(
    told: OutputParts, reference: FloatArray, output: FloatArray
) -> Iterator[_Compared]:
    for part in told.parts:
        yield _Compared(part.name, part.of(reference), part.of(output), part.step)
    channels = 0 if told.channel_axis is None else reference.shape[told.channel_axis]
    for index in range(channels if channels > 1 else 0):
        at = (slice(None),) * (told.channel_axis or 0) + (slice(index, index + 1),)
        yield _Compared(f"channel {index}", reference[at], output[at], is_channel=True)


def _is_right(
    part: _Compared, figures: Figures, sqnr_db: float | None, relative_error: float | None
) -> bool:
    if not figures.finite:
        return False
    if sqnr_db is not None and figures.sqnr_db >= sqnr_db:
        return True
    if figures.relative_error <= _allowed(relative_error):
        return True
    if part.is_channel:
        return not _became_few_values(part)
    error = float(np.abs(part.output - part.reference).max())
    return error <= PARTS.steps * part.step


def _became_few_values(part: _Compared) -> bool:
    few, many = len(np.unique(part.output)), len(np.unique(part.reference))
    return few < PARTS.fewest_values and many >= PARTS.many_values


def _allowed(relative_error: float | None) -> float:
    if relative_error is None:
        return PARTS.error
    return min(PARTS.error, PARTS.float_factor * relative_error)
