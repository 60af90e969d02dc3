"""What a drop measured on some hundred labelled photos says about a bound that was promised.

Whether int8 answers right where the float net does is one bit a photo, and most of those that
change are near ties that could have fallen either way: on 500 photos the measured drop scatters by
about the square root of (disagreement / photos), 0.9 points for 4 %. So there are two figures.

measured    the difference of the two top-1, with Tango's one-sided 95 % bounds on either side
expected    mean over the photos of what the float net's own probabilities say a change of the first
            class costs. Probabilities are made honest first, by the one temperature under which the
            labels are likeliest (Guo et al., "On Calibration of Modern Neural Networks", 2017).
            Only photos that change count, each by its margin, so it scatters several times less.
            Its bounds leave out how sure the temperature is: in draws from known probabilities
            90 and 96 % of them held, not 95.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from edgeconv.verify.accuracy.comparison import AccuracyComparison, compare
from edgeconv.verify.accuracy.proportions import LEVEL, tango

Logits = NDArray[np.float32]
Verdict = Literal["shown", "holds", "within chance", "broken"]

COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Drop:
    """One-sided 95 % bounds around a drop, in points of top-1."""

    points: float
    at_least: float
    at_most: float

    def __str__(self) -> str:
        return f"{self.points:+.2f} [{self.at_least:+.2f}, {self.at_most:+.2f}]"

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Judged:
    """A file beside the float net on the same labelled photos.

    Attributes:
        bound: the drop that was promised, in points.
        comparison: top-1, agreement and the rest.
        measured: the drop by the labels.
        expected: the drop by the float net's probabilities.
        temperature: what its logits are divided by for that.
    """

    bound: float
    comparison: AccuracyComparison
    measured: Drop
    expected: Drop
    temperature: float

    @property
    def verdict(self) -> Verdict:
        """What the labels alone say of the bound."""
        return verdict_of(self.measured, self.bound)

    @property
    def miss(self) -> str | None:
        """Why the bound does not hold, or None where it does."""
        if self.verdict == "broken":
            return f"the measured drop is {self.measured}"
        if self.expected.points > self.bound:
            return f"the expected drop is {self.expected}"
        return None

    def to_json(self) -> dict[str, Any]:
        """Every figure."""
        return {
            "bound_points": self.bound,
            "verdict": self.verdict,
            "miss": self.miss,
            "measured": self.measured.to_json(),
            "expected": self.expected.to_json(),
            "temperature": self.temperature,
            **self.comparison.to_json(),
        }


def verdict_of(measured: Drop, bound: float) -> Verdict:
    """What a measured figure says of its bound, both in points."""
    if measured.at_least > bound:
        return "broken"
    if measured.points > bound:
        return "within chance"
    return "shown" if measured.at_most <= bound else "holds"


def judge(reference: Logits, logits: Logits, labels: NDArray[np.int64], bound: float) -> Judged:
    """How a file's drop stands to a bound.

    Args:
        reference: (photos, classes) of the float net.
        logits: the same of the file.
        labels: (photos,) class indices.
        bound: points of top-1.
    """
    found = compare(reference, logits, labels)
    drop = found.drop
    low, high = tango(drop.reference_only, drop.candidate_only, drop.total, level=2 * LEVEL - 1)
    heat = temperature(reference, labels)
    return Judged(
        bound,
        found,
        Drop(drop.points, 100 * low, 100 * high),
        expected_drop(reference / heat, logits),
        heat,
    )


def temperature(logits: Logits, labels: NDArray[np.int64]) -> float:
    """What to divide logits by so that the labels are likeliest."""
    rows = np.arange(len(labels))
    exact = logits.astype(np.float64)

    def surprise(heat: float) -> float:
        return float(-log_softmax(exact / math.exp(heat), axis=1)[rows, labels].mean())

    span = (math.log(COLDEST), math.log(HOTTEST))
    return math.exp(minimize_scalar(surprise, bounds=span, method="bounded").x)


def expected_drop(reference: Logits, logits: Logits) -> Drop:
    """The drop that the reference's probabilities foretell, with bounds over photos like these."""
    shares = softmax(reference.astype(np.float64), axis=1)
    rows = np.arange(len(shares))
    costs = shares[rows, reference.argmax(axis=1)] - shares[rows, logits.argmax(axis=1)]
    mean, error = float(costs.mean()), float(costs.std(ddof=1)) / math.sqrt(len(costs))
    reach = NormalDist().inv_cdf(LEVEL) * error
    return Drop(100 * mean, 100 * (mean - reach), 100 * (mean + reach))
