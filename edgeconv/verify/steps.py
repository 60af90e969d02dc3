"""How far the integers that two runs of one operator give lie apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class Steps:
    """Differences counted so far.

    Attributes:
        most: the largest, in steps of the output's scale, less what is explained.
        differing: how many integers differ, explained or not.
        values: how many there are.
    """

    most: int = 0
    differing: int = 0
    values: int = 0

    def add(
        self, made: NDArray[Any], given: NDArray[Any], explained: NDArray[np.int16] | int = 0
    ) -> Steps:
        """Counts what one run made, against what the other gave; itself, to go on with."""
        apart = np.abs(made.astype(np.int16) - given.astype(np.int16))
        self.most = max(self.most, int((apart - explained).max(initial=0)))
        self.differing += int(np.count_nonzero(apart))
        self.values += apart.size
        return self

    @property
    def share_differing(self) -> float:
        """Share of the integers that differ, 0 to 1."""
        return self.differing / self.values if self.values else 0.0
