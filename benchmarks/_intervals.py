"""Medians with bootstrap intervals."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """A median with the percentile bootstrap's two-sided 95 % interval."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def median_interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The median of paired ratios (or any sample) and how sure it is."""
    draw = random.Random(seed)
    medians = sorted(
        statistics.median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES)
    )
    low, high = medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES) - 1]
    return Interval(statistics.median(values), low, high)
