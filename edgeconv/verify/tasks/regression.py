"""Numbers that a net gives: their mean absolute error, and the root of their mean squared one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.annotations.numbers import NumbersTable
from edgeconv.errors import UsageError
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.tasks.drops import Loss, loss_of_sums, worst_of
from edgeconv.verify.tasks.figures import Figure
from edgeconv.verify.tasks.resampling import Statistic, Sums, figure, ratio
from edgeconv.verify.tasks.run import Outputs, require_finite


def mean_absolute(sums: Sums) -> NDArray[np.float64]:
    """Of (..., 3): absolute errors, squared errors, how many."""
    return ratio(sums[:, 0], sums[:, 2])


def root_mean_square(sums: Sums) -> NDArray[np.float64]:
    """Of the same."""
    return np.sqrt(ratio(sums[:, 1], sums[:, 2]))


class Regression:
    """The task of giving numbers."""

    def __init__(self, output: TensorSpec, place: int, table: NumbersTable) -> None:
        """`place` is that of `output` among the outputs."""
        self._output, self._place, self._table = output, place, table

    def expect(self, photo: int, outputs: Outputs) -> NDArray[np.float64]:
        """The labels; raises UsageError where there are more or fewer than the net gives."""
        own = outputs[self._place]
        require_finite([self._output], [own], photo)
        if own.size != len(self._table.columns):
            raise UsageError(
                f"output {self._output.name} gives {own.size} numbers for a sample, and the labels "
                f"have {len(self._table.columns)} beside the column file"
            )
        return np.asarray(self._table.values[photo])

    def keep(self, outputs: Outputs, expected: NDArray[np.float64]) -> Sums:
        """(columns, 3): absolute error, squared error, and 1; zeros where there is no label."""
        error = np.abs(outputs[self._place].reshape(-1).astype(np.float64) - expected)
        error = np.where(np.isnan(error), np.inf, error)
        sums = np.stack([error, error**2, np.ones_like(error)], axis=1)
        return np.where(np.isnan(expected)[:, None], 0.0, sums)

    def figures(self, kept: Sequence[Sums], reference: Sequence[Sums] | None) -> list[Figure]:
        """Both errors of each column."""
        sums = np.stack(kept)
        exact = None if reference is None else np.stack(reference)
        errors: list[tuple[str, Statistic]] = [("MAE", mean_absolute), ("RMSE", root_mean_square)]
        return [
            figure(
                *(name, "number", error),
                *(sums[:, i], None if exact is None else exact[:, i], column),
            )
            for i, column in enumerate(self._table.columns)
            for name, error in errors
        ]

    def loss(self, kept: Sequence[Sums], reference: Sequence[Sums]) -> Loss:
        """What the mean absolute error grows by, of the column where it grows most."""
        own, exact = np.stack(kept), np.stack(reference)
        columns = [
            loss_of_sums(
                of="MAE gained",
                unit="number",
                worse=mean_absolute,
                sums=own[:, i],
                exact=exact[:, i],
            )
            for i in range(own.shape[1])
        ]
        return worst_of(columns)
