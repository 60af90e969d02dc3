"""How far one run's outputs lie from another's.

Values that are not finite are never averaged away: a single one on the judged side makes the error
infinite and the signal-to-noise ratio minus infinity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UsageError

FloatArray = NDArray[np.float32]

#: A sample's energy counts as at least this share of the samples' mean, in its own ratio: an error
#: of next to nothing in a sample of next to nothing is none.
_QUIET = 0.1
#: How far a sample's own ratio goes, in either direction.
_MOST_DB = 200.0
#: Standard error of a median, times the root of how many, in ranges between quartiles: of normal
#: values sqrt(pi / 2) standard deviations, and 1.349 of those lie between their quartiles.
_ERROR_OF_MEDIAN = 0.929


@dataclass(frozen=True)
class Figures:
    """Distance of `other` from `reference`, over all samples together.

    Attributes:
        relative_error: largest |other - reference| over the largest |reference|.
        sqnr_db: 10 log10 of the reference's energy over the error's; infinite where they are equal.
        median_sqnr_db, quartile_sqnr_db: median and lower quartile of the samples' own ratios: a
            sample with many times the others' energy decides `sqnr_db` alone, whatever they are.
        median_error_db: standard error of that median: how far other samples may move it.
        cosine: cosine of the angle between the two, all samples as one vector.
        top1_agreement: share of samples with the same largest output, 0 to 1; None where a sample
            is no row of logits but a map.
        flips: samples whose largest output differs.
        flips_that_count: those of `flips` where the reference's margin between its two largest
            outputs exceeds that sample's largest error; the others were a toss-up anyway.
        samples: how many samples were compared.
        finite: whether every value on both sides is finite.
        equal: share of whole numbers or truth values that are the same, 0 to 1; None of reals. The
            error is then the share of the others, and the ratio that of all values to those.
        values: how many were compared, of whole numbers or truth values; 0 of reals.
    """

    relative_error: float
    sqnr_db: float
    median_sqnr_db: float
    quartile_sqnr_db: float
    median_error_db: float
    cosine: float
    top1_agreement: float | None
    flips: int
    flips_that_count: int
    samples: int
    finite: bool
    equal: float | None = None
    values: int = 0

    def to_json(self) -> Mapping[str, float | int | bool | None]:
        """Plain values, four significant digits; None stands for an infinite figure."""
        return {
            name: rounded(value) if isinstance(value, float) else value
            for name, value in vars(self).items()
        }


@dataclass(frozen=True, eq=False)
class Whole:
    """How sure whole numbers or truth values of a reference are.

    Attributes:
        sure: (samples, ...), whether a value is the same in every right float file.
        steady: float64 (samples,), share of a sample's values that noise leaves which is as loud
            as that of a file that is just of use.
    """

    sure: NDArray[np.bool_]
    steady: NDArray[np.float64]


def is_whole(array: NDArray[Any]) -> bool:
    """Whether an array holds whole numbers or truth values, and no reals."""
    return array.dtype.kind in "biu"


def compare_whole(
    reference: NDArray[Any], other: NDArray[Any], which: NDArray[np.bool_] | None = None
) -> Figures:
    """Figures of whole numbers or truth values, (samples, ...), or of some of them.

    Raises:
        UsageError: other shapes, or nothing to compare.
    """
    _require_alike(reference, other)
    same = reference == other
    judged = same if which is None else same[which]
    apart = 1 - float(judged.mean()) if judged.size else 0.0
    whole = same if which is None else same | ~which
    differing = int((~whole.reshape(len(whole), -1).all(axis=1)).sum())
    ratio = decibels(1.0, apart)
    return Figures(
        relative_error=apart,
        sqnr_db=ratio,
        median_sqnr_db=ratio,
        quartile_sqnr_db=ratio,
        median_error_db=0.0,
        cosine=1 - apart,
        top1_agreement=None,
        flips=differing,
        flips_that_count=differing,
        samples=len(reference),
        finite=bool(np.isfinite(other).all()),
        equal=1 - apart,
        values=judged.size,
    )


def compare(reference: NDArray[Any], other: NDArray[Any]) -> Figures:
    """Figures of `other` against `reference`, both (samples, ...) of the same shape.

    Raises:
        UsageError: other shapes, or nothing to compare.
    """
    if is_whole(reference):
        return compare_whole(reference, other)
    _require_alike(reference, other)
    a = reference.astype(np.float64).reshape(len(reference), -1)
    b = other.astype(np.float64).reshape(len(other), -1)
    flips, counting = _flips(a, b)
    finite = bool(np.isfinite(a).all() and np.isfinite(b).all())
    median, quartile, error = _by_sample(a, b) if finite else (-math.inf, -math.inf, 0.0)
    return Figures(
        relative_error=_relative_error(a, b) if finite else math.inf,
        sqnr_db=sqnr_db(a, b),
        median_sqnr_db=median,
        quartile_sqnr_db=quartile,
        median_error_db=error,
        cosine=_cosine(a, b) if finite else 0.0,
        top1_agreement=1 - flips / len(a) if reference.ndim == 2 else None,
        flips=flips,
        flips_that_count=counting,
        samples=len(a),
        finite=finite,
    )


def _require_alike(reference: NDArray[Any], other: NDArray[Any]) -> None:
    if reference.shape != other.shape or reference.ndim < 1 or reference.size == 0:
        raise UsageError(f"outputs of shape {reference.shape} and {other.shape} do not compare")


def sqnr_db(reference: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Signal to quantization noise ratio in dB; minus infinity where a value is not finite."""
    a, b = reference.astype(np.float64), other.astype(np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return -math.inf
    return decibels(float(np.square(a).sum()), float(np.square(a - b).sum()))


def _by_sample(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float, float]:
    """Median and lower quartile of the samples' own ratios, and the median's standard error."""
    signal, noise = np.square(a).sum(axis=1), np.square(a - b).sum(axis=1)
    signal = np.maximum(signal, _QUIET * signal.mean())
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(noise > 0, 10 * np.log10(signal / noise), _MOST_DB)
    ends = (0.5, 0.25, 0.75)
    median, low, high = map(float, np.quantile(np.clip(ratios, -_MOST_DB, _MOST_DB), ends))
    return median, low, _ERROR_OF_MEDIAN * (high - low) / math.sqrt(len(a))


def decibels(signal: float, noise: float) -> float:
    """10 log10 of one energy over another; infinite where there is no noise."""
    if noise <= 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


def rounded(value: float, digits: int = 4) -> float | None:
    """A figure as it is written to a file: `digits` significant digits, None where not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def _relative_error(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    error, largest = float(np.abs(a - b).max()), float(np.abs(a).max())
    if largest == 0:
        return 0.0 if error == 0 else math.inf
    return error / largest


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    if lengths == 0:
        return 1.0 if np.array_equal(a, b) else 0.0
    return min(1.0, float(np.vdot(a, b)) / lengths)


def _flips(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[int, int]:
    """Samples whose largest output differs, and how many of them were no toss-up."""
    broken = ~(np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1))
    differs = a.argmax(axis=1) != b.argmax(axis=1)
    if a.shape[1] < 2:
        return int(broken.sum()), int(broken.sum())
    top_two = np.partition(a, -2, axis=1)[:, -2:]
    with np.errstate(invalid="ignore"):
        margin, error = top_two[:, 1] - top_two[:, 0], np.abs(a - b).max(axis=1)
        counting = differs & (margin > error)
    return int((differs | broken).sum()), int((counting | broken).sum())
