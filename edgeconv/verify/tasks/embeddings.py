"""Embeddings: vectors of photos that are compared by the cosine of their angle.

Pairs count as the same from a similarity on; which one is chosen where the float file is right most
often, and holds for every file, as an app that was set up for float would have it. Chosen on these
very pairs, it flatters float a little. Of all photos, the nearest one is compared with float's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.annotations.pairs import Pair
from edgeconv.errors import RefusedError
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.accuracy.losses import CountedLoss
from edgeconv.verify.accuracy.promise import Outcome
from edgeconv.verify.accuracy.proportions import paired_drop, share
from edgeconv.verify.tasks.figures import Estimate, Figure
from edgeconv.verify.tasks.run import Outputs, require_finite

Vector = NDArray[np.float64]

#: Similarities that are held at a time.
_HELD = 2**22
_NOWHERE = -1


class Embeddings:
    """The task of giving like vectors for what is the same."""

    def __init__(self, output: TensorSpec, place: int, pairs: Sequence[Pair]) -> None:
        """`place` is that of `output` among the outputs; there may be no pairs."""
        self._output, self._place, self._pairs = output, place, pairs
        self._of_reference: tuple[Sequence[Vector], NDArray[np.int64]] | None = None

    def expect(self, photo: int, outputs: Outputs) -> None:
        """Nothing of a single photo.

        Raises:
            RefusedError: the reference's vector has no direction.
        """
        own = outputs[self._place]
        require_finite([self._output], [own], photo)
        if not own.any():
            raise RefusedError(
                f"the float file's output {self._output.name} is all zeros for sample {photo} "
                "(from 0); a vector without a length has no angle"
            )

    def keep(self, outputs: Outputs, _: None, /) -> Vector:
        """The vector with length 1; NaN where it has none."""
        vector = outputs[self._place].reshape(-1).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(vector / np.linalg.norm(vector))

    def figures(self, kept: Sequence[Vector], reference: Sequence[Vector] | None) -> list[Figure]:
        """Right pairs, where there are any, and nearest photos."""
        own = np.stack(kept)
        exact = own if reference is None else np.stack(reference)
        found = []
        if self._pairs:
            found.append(self._right_pairs(own, exact))
        if reference is not None:
            same = int((_nearest(own) == self._nearest_in_float(reference)).sum())
            nearest = Estimate.of_share(share(same, len(own)))
            found.append(Figure("nearest sample as in float", "share", nearest))
        return found

    def loss(self, kept: Sequence[Vector], reference: Sequence[Vector]) -> CountedLoss:
        """Of right pairs; without pairs, photos whose nearest one is another."""
        own, exact = np.stack(kept), np.stack(reference)
        if not self._pairs:
            changed = int((_nearest(own) != self._nearest_in_float(reference)).sum())
            return CountedLoss("nearest samples changed", Outcome(len(own), changed))
        right_in_float, right = self._right(exact, exact), self._right(own, exact)
        lost, gained = right_in_float & ~right, right & ~right_in_float
        return CountedLoss(
            "right pairs lost",
            Outcome(len(right), int((lost | gained).sum()), int(lost.sum()), int(gained.sum())),
        )

    def _nearest_in_float(self, reference: Sequence[Vector]) -> NDArray[np.int64]:
        """The reference's, computed once for all files."""
        if self._of_reference is None or self._of_reference[0] is not reference:
            self._of_reference = (reference, _nearest(np.stack(reference)))
        return self._of_reference[1]

    def _right_pairs(self, own: Vector, exact: Vector) -> Figure:
        right = self._right(own, exact)
        value = Estimate.of_share(share(int(right.sum()), len(right)))
        if own is exact:
            return Figure("right pairs", "share", value)
        right_in_float = self._right(exact, exact)
        drop = paired_drop(
            int((right_in_float & ~right).sum()), int((right & ~right_in_float).sum()), len(right)
        )
        change = [-points / 100 for points in (drop.points, drop.high_points, drop.low_points)]
        return Figure("right pairs", "share", value, Estimate(*change))

    def _right(self, own: Vector, exact: Vector) -> NDArray[np.bool_]:
        """Which pairs are told right, by the threshold that is best for float."""
        truth = np.array([pair.is_same for pair in self._pairs])
        in_float = self._similarities(exact)
        similar = in_float if own is exact else self._similarities(own)
        told = similar >= best_threshold(in_float, truth)
        return np.asarray((told == truth) & ~np.isnan(similar))

    def _similarities(self, vectors: Vector) -> NDArray[np.float64]:
        one, other = ([getattr(p, side) for p in self._pairs] for side in ("one", "other"))
        return np.asarray((vectors[one] * vectors[other]).sum(axis=1))


def best_threshold(similarities: NDArray[np.float64], is_same: NDArray[np.bool_]) -> float:
    """From which similarity on most pairs are told right; of several, the lowest."""
    values = np.unique(similarities)
    between = (values[1:] + values[:-1]) / 2
    candidates = np.concatenate([values[:1] - 1e-6, between, values[-1:] + 1e-6])
    same, other = np.sort(similarities[is_same]), np.sort(similarities[~is_same])
    right = (len(same) - np.searchsorted(same, candidates)) + np.searchsorted(other, candidates)
    return float(candidates[right.argmax()])


def _nearest(vectors: Vector) -> NDArray[np.int64]:
    """Which other photo is the most similar to each; -1 where the vector is none."""
    usable = np.asarray(np.isfinite(vectors).all(axis=1))
    clean = np.where(usable[:, None], vectors, 0.0)
    rows = max(1, _HELD // len(clean))
    found = []
    for start in range(0, len(clean), rows):
        similar = clean[start : start + rows] @ clean.T
        similar[:, ~usable] = -np.inf
        own = np.arange(len(similar))
        similar[own, start + own] = -np.inf
        found.append(similar.argmax(axis=1))
    return np.where(usable, np.concatenate(found), _NOWHERE)
