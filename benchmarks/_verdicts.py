"""How one int8 file's agreement with the float net compares with another's, on the same photos."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.verify.accuracy.proportions import tango

Verdict = Literal["better", "worse", "no difference"]


@dataclass(frozen=True)
class Lead:
    """The first file's agreement less the second's, in points, paired by photo.

    Attributes:
        points: the difference.
        low: lower end of Tango's 95 % interval.
        high: its upper end.
    """

    points: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """What the first file is: the interval excludes 0, or it does not."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference"

    def __str__(self) -> str:
        return f"{self.points:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"

    def to_json(self) -> dict[str, Any]:
        """The fields by name, and the verdict."""
        return {**asdict(self), "verdict": self.verdict}


def lead(
    reference: NDArray[np.float32], first: NDArray[np.float32], second: NDArray[np.float32]
) -> Lead:
    """How much more often `first` has the reference's top-1 than `second` has.

    Args:
        reference: (photos, classes) logits of the float net.
        first: the same of a file.
        second: the same of another.
    """
    top1 = reference.argmax(axis=1)
    own, other = first.argmax(axis=1) == top1, second.argmax(axis=1) == top1
    own_only, other_only = int((own & ~other).sum()), int((other & ~own).sum())
    low, high = tango(own_only, other_only, len(top1))
    return Lead(100 * (own_only - other_only) / len(top1), 100 * low, 100 * high)
