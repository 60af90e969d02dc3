"""How a net's predictions compare with the labels and with the float reference's, on one set.

Rules that decide single images:
    ties: equal logits rank by class index, the lowest first, as argmax does in NumPy and in apps.
    not finite: an image whose logits hold NaN or infinity is wrong, agrees with nothing, and is
        counted; a reference with such logits is refused, for there is nothing to compare with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeconv.errors import RefusedError, UsageError
from edgeconv.verify.accuracy.proportions import PairedDrop, Share, paired_drop, share
from edgeconv.verify.diagnose.noise import Noise


@dataclass(frozen=True)
class Accuracy:
    """One net against the labels.

    Attributes:
        top1: images whose label has the highest logit.
        top5: images whose label is among the five highest (all, where there are fewer classes).
        not_finite: images whose logits hold NaN or infinity.
        ties: images whose highest logit is shared by several classes.
    """

    top1: Share
    top5: Share
    not_finite: int
    ties: int


@dataclass(frozen=True)
class AccuracyComparison:
    """A candidate against the float reference on the same labelled images.

    Attributes:
        images: how many.
        reference: the reference's accuracy.
        candidate: the candidate's accuracy.
        agreement: images where both have the same top-1, right or wrong.
        drop: the reference's top-1 less the candidate's, paired.
        sqnr_db: 10 log10 of the reference logits' energy over the difference's; infinite where
            they are identical; over the images with finite logits, NaN where there are none.
        parts: the same of each part that is joined into the logits, by name.
    """

    images: int
    reference: Accuracy
    candidate: Accuracy
    agreement: Share
    drop: PairedDrop
    sqnr_db: float
    parts: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The fields by name; decibels are null where they are not finite."""
        plain = asdict(self)
        parts = {name: _finite(sqnr_db) for name, sqnr_db in plain.pop("parts").items()}
        return {**plain, "sqnr_db": _finite(self.sqnr_db), "sqnr_db_of_parts": parts}


def _finite(decibels: float) -> float | None:
    return decibels if math.isfinite(decibels) else None


@dataclass(frozen=True)
class Ranking:
    """What is kept of one net's logits: a few bytes an image.

    Attributes:
        rank: (N,) classes ahead of the label; the number of classes where logits are not finite.
        top1: (N,) predicted class; -1 where logits are not finite.
        tied: (N,) whether several classes share the highest logit.
        classes: how many there are.
    """

    rank: NDArray[np.int32]
    top1: NDArray[np.int32]
    tied: NDArray[np.bool_]
    classes: int


def rank_labels(logits: ArrayLike, labels: ArrayLike) -> Ranking:
    """Where each label stands among its image's logits.

    Args:
        logits: (N, classes), any real type.
        labels: (N,) class indices, 0-based.

    Raises:
        UsageError: shapes that do not fit, no image, or a label that is no class.
    """
    scores, truth = _checked(logits, labels)
    finite = np.isfinite(scores).all(axis=1)
    own = np.take_along_axis(scores, truth[:, None], axis=1)
    lower_index = np.arange(scores.shape[1])[None, :] < truth[:, None]
    ahead = (scores > own) | ((scores == own) & lower_index)
    rank = np.where(finite, ahead.sum(axis=1), scores.shape[1])
    top1 = np.where(finite, np.argmax(scores, axis=1), -1)
    tied = finite & ((scores == scores.max(axis=1, keepdims=True)).sum(axis=1) > 1)
    return Ranking(rank.astype(np.int32), top1.astype(np.int32), tied, scores.shape[1])


def compare(
    reference_logits: ArrayLike, logits: ArrayLike, labels: ArrayLike
) -> AccuracyComparison:
    """A candidate against the float reference.

    Args:
        reference_logits: (N, classes) of the float PyTorch net.
        logits: (N, classes) of the candidate, dequantized.
        labels: (N,) class indices, 0-based.

    Raises:
        UsageError: shapes that do not fit, no image, or a label that is no class.
        RefusedError: the reference's logits are not finite.
    """
    tally = ComparisonTally()
    tally.add(reference_logits, logits, labels)
    return tally.result()


class ComparisonTally:
    """Compares batch after batch and keeps a few bytes an image, so sets of any size fit."""

    def __init__(self, parts: Mapping[str, slice] | None = None, first: int = 0) -> None:
        """Of no image yet.

        Args:
            parts: columns of the logits that are joined from tensors of their own.
            first: place of the first image in the set, where another tally has those before it.
        """
        self._first = first
        self._reference: list[Ranking] = []
        self._candidate: list[Ranking] = []
        self._whole = Noise()
        self._parts = {name: (columns, Noise()) for name, columns in (parts or {}).items()}
        self._finite = 0

    def add(self, reference_logits: ArrayLike, logits: ArrayLike, labels: ArrayLike) -> None:
        """Takes one batch; arguments and errors as `compare`."""
        reference, candidate = np.asarray(reference_logits), np.asarray(logits)
        if reference.shape != candidate.shape:
            raise UsageError(
                f"logits of shape {candidate.shape} cannot be compared with the reference's "
                f"{reference.shape}"
            )
        reference_ranking = rank_labels(reference, labels)
        broken = np.flatnonzero(reference_ranking.top1 < 0)
        if broken.size:
            seen = self._first + self.images
            raise RefusedError(
                f"the reference's logits of image {seen + int(broken[0])} (from 0) hold NaN "
                f"or infinity, and those of {broken.size - 1} more in its batch: the net or its "
                "weights are broken"
            )
        candidate_ranking = rank_labels(candidate, labels)
        self._reference.append(reference_ranking)
        self._candidate.append(candidate_ranking)
        self._add_energies(reference, candidate, candidate_ranking.top1 >= 0)

    @property
    def images(self) -> int:
        """How many were added."""
        return sum(len(ranking.rank) for ranking in self._reference)

    def merge(self, following: ComparisonTally) -> None:
        """Takes a batch that another tally, of the same parts, has added: to the last bit as `add`.

        Sums of energies depend on their order, so batches are merged in theirs, one by one.
        """
        self._reference += following._reference
        self._candidate += following._candidate
        self._whole.merge(following._whole)
        for name, (_, energies) in self._parts.items():
            energies.merge(following._parts[name][1])
        self._finite += following._finite

    @property
    def answers(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(N,) classes that the reference and the candidate told so far; see Ranking."""
        return _joined(self._reference).top1, _joined(self._candidate).top1

    def _add_energies(
        self, reference: NDArray[Any], candidate: NDArray[Any], finite: NDArray[np.bool_]
    ) -> None:
        one, other = (a[finite].astype(np.float64) for a in (reference, candidate))
        self._whole.add(one, other)
        for columns, energies in self._parts.values():
            energies.add(one[:, columns], other[:, columns])
        self._finite += int(finite.sum())

    def result(self) -> AccuracyComparison:
        """The figures over everything added.

        Raises:
            UsageError: nothing was added.
        """
        if not self._reference:
            raise UsageError("no image to judge accuracy on; give at least one")
        reference, candidate = _joined(self._reference), _joined(self._candidate)
        right, right_too = reference.rank == 0, candidate.rank == 0
        total = len(reference.rank)
        return AccuracyComparison(
            images=total,
            reference=_accuracy(reference),
            candidate=_accuracy(candidate),
            agreement=share(int((reference.top1 == candidate.top1).sum()), total),
            drop=paired_drop(
                int((right & ~right_too).sum()), int((right_too & ~right).sum()), total
            ),
            sqnr_db=self._whole.sqnr_db if self._finite else math.nan,
            parts={
                name: energies.sqnr_db if self._finite else math.nan
                for name, (_, energies) in self._parts.items()
            },
        )


def _accuracy(ranking: Ranking) -> Accuracy:
    total = len(ranking.rank)
    depth = min(5, ranking.classes)
    return Accuracy(
        top1=share(int((ranking.rank == 0).sum()), total),
        top5=share(int((ranking.rank < depth).sum()), total),
        not_finite=int((ranking.top1 < 0).sum()),
        ties=int(ranking.tied.sum()),
    )


def _joined(rankings: list[Ranking]) -> Ranking:
    classes = {ranking.classes for ranking in rankings}
    if len(classes) > 1:
        raise UsageError(f"batches have different numbers of classes: {sorted(classes)}")
    return Ranking(
        np.concatenate([ranking.rank for ranking in rankings]),
        np.concatenate([ranking.top1 for ranking in rankings]),
        np.concatenate([ranking.tied for ranking in rankings]),
        classes.pop(),
    )


def _checked(logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], NDArray[np.intp]]:
    scores, truth = np.asarray(logits), np.asarray(labels)
    if scores.ndim != 2 or truth.ndim != 1 or len(scores) != len(truth):
        raise UsageError(
            f"logits of shape {scores.shape} and labels of shape {truth.shape} do not fit; "
            "they are (images, classes) and (images,)"
        )
    if 0 in scores.shape:
        raise UsageError("no image to judge accuracy on; give at least one")
    if not np.issubdtype(truth.dtype, np.integer):
        raise UsageError(f"labels are of type {truth.dtype}; they are whole numbers")
    wrong = truth[(truth < 0) | (truth >= scores.shape[1])]
    if wrong.size:
        raise UsageError(
            f"{wrong.size} labels are no class of a net with {scores.shape[1]} classes, for "
            f"instance {wrong[0]}; do the labels belong to this net?"
        )
    return scores, truth.astype(np.intp)
