"""Measures a plan against the float net on photos that were held back.

Runs the plan in float arithmetic (`plan.qdq`) on onnxruntime. With its graph optimizations off that
would give what the int8 ONNX file of the same plan gives, bit by bit. With them, in half the time,
sums are added up in another order, which a rounded net answers by moving a value here and there by
a step: no further from the file than another CPU is that runs it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.ends import real_ends
from edgeconv.graph.parts import Joined, parts_of
from edgeconv.graph.view import input_names, shape_of
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.threads import in_threads

Array = NDArray[np.float32]
Sqnrs = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """How close a plan comes to the float net.

    Attributes:
        by_photo_db: signal-to-noise ratio of each photo's outputs in dB (each batch's, where there
            are several photos in one); of a classifier's logits less their mean, for what is added
            to all of them changes no probability; of several outputs, and of what is joined to
            one, those of the one with the lowest mean.
        agreement: share of photos whose largest logit stays the same one, 0..1; None where no
            output holds one row of logits a photo.
    """

    by_photo_db: tuple[float, ...]
    agreement: float | None

    @property
    def sqnr_db(self) -> float:
        """Mean over photos, so that one odd photo does not decide."""
        return fmean(self.by_photo_db)


@dataclass(frozen=True)
class Gain:
    """By how much one plan comes closer to the float net than another, over the same photos.

    Attributes:
        mean_db: of the photos' signal-to-noise ratios.
        least_db: the same without the photo that gains most: what does not hang on a single one.
        error_db: standard error of the mean; None for one photo.
    """

    mean_db: float
    least_db: float
    error_db: float | None

    @classmethod
    def of(cls, found: Verdict, before: Verdict) -> Gain:
        """The gain of one plan's verdict over another's."""
        pairs = zip(found.by_photo_db, before.by_photo_db, strict=True)
        gains = sorted(one - other for one, other in pairs)
        error = stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else None
        return cls(fmean(gains), fmean(gains[:-1] or gains), error)


class Judge:
    """The float net's answers on held-back photos."""

    def __init__(
        self, model: ir.Model, photos: Sequence[Batch], *, is_classifier: bool = False
    ) -> None:
        """Runs the float hub graph on the photos."""
        self._photos = photos
        self._joined = [parts_of(value) for value in real_ends(model)]
        self._is_classifier = is_classifier
        self.reference = run(model, photos)

    def __call__(self, model: ir.Model, plan: Plan) -> Verdict:
        """Judges a plan of the graph, or of a repaired one with the same outputs."""
        outputs = run(insert_qdq(model, plan), self._photos)
        pairs = list(zip(self.reference, outputs, strict=True))
        found: list[Sqnrs] = []
        for (one, other), joined in zip(pairs, self._joined, strict=True):
            found += _part_sqnrs_db(one, other, joined)
        agreement = _agreement(pairs)
        if agreement is not None and self._is_classifier:
            pairs = [(_centred(one), _centred(other)) for one, other in pairs]
        found += [sqnrs_db(one, other) for one, other in pairs]
        worst = min(found, key=lambda sqnrs: float(sqnrs.mean()))
        by_photo = worst.reshape(len(self._photos), -1).mean(axis=1)
        return Verdict(tuple(by_photo.tolist()), agreement)


def _part_sqnrs_db(reference: Array, output: Array, joined: Joined) -> list[Sqnrs]:
    """Those of each part that an output is joined from; none where it is not joined."""
    if not joined.is_joined:
        return []
    size = math.prod(shape_of(joined.output))
    one, other = (array.reshape(-1, size) for array in (reference, output))
    places = [part.places.reshape(-1) for part in joined.parts]
    return [sqnrs_db(one[:, at], other[:, at]) for at in places]


def _agreement(pairs: Sequence[tuple[Array, Array]]) -> float | None:
    """Share of photos whose largest logit stays, None without one row of logits a photo."""
    (one, other), *more = pairs
    if more or one.ndim != 2 or one.shape[1] == 1:
        return None
    return float((one.argmax(axis=1) == other.argmax(axis=1)).mean())


def _centred(logits: Array) -> Array:
    """Every photo's logits, (photos, classes), less their mean."""
    centred: Array = logits - logits.mean(axis=1, keepdims=True)
    return centred


def sqnrs_db(reference: Array, other: Array) -> Sqnrs:
    """10 log10 of each photo's energy over its error's, at most 200, (photos,): the first axis."""
    real = reference.reshape(len(reference), -1).astype(np.float64)
    signal = np.maximum((real**2).sum(axis=1), 1e-20)
    noise = ((real - other.reshape(real.shape)) ** 2).sum(axis=1)
    found: Sqnrs = 10 * np.log10(signal / np.maximum(noise, 1e-20 * signal))
    return found


def run(model: ir.Model, photos: Iterable[Batch]) -> list[Array]:
    """Every real end of the graph on every photo, along the first axis; a scalar as a row."""
    session = open_graph(model, real_ends(model))
    names = input_names(model)
    results = in_threads(lambda photo: session.run(None, by_name(photo, names)), photos)
    columns = zip(*results, strict=True)
    return [np.concatenate([np.atleast_1d(array) for array in column]) for column in columns]
