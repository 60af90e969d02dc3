"""Measures a plan against the float net on photos that were held back.

Runs the plan in float arithmetic (`plan.qdq`) on onnxruntime. With its graph optimizations off that
would give what the int8 ONNX file of the same plan gives, bit by bit. With them, in half the time,
sums are added up in another order, which a rounded net answers by moving a value here and there by
a step: no further from the file than another CPU is that runs it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.parts import Joined, parts_of
from edgeconv.graph.view import name_of, shape_of
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.threads import in_threads

Batch = NDArray[np.float32]


@dataclass(frozen=True)
class Verdict:
    """How close a plan comes to the float net.

    Attributes:
        sqnr_db: signal-to-noise ratio of a photo's outputs in dB, mean over photos, so that one
            odd photo does not decide; of a classifier's logits less their mean, for what is added
            to all of them changes no probability; of several outputs, and of what is joined to one,
            the lowest.
        agreement: share of photos whose largest logit stays the same one, 0..1; None where no
            output holds one row of logits a photo.
    """

    sqnr_db: float
    agreement: float | None


class Judge:
    """The float net's answers on held-back photos."""

    def __init__(
        self, model: ir.Model, photos: Sequence[Batch], *, is_classifier: bool = False
    ) -> None:
        """Runs the float hub graph on the photos, float32 (N, 3, H, W) each."""
        self._photos = photos
        self._joined = [parts_of(value) for value in model.graph.outputs]
        self._is_classifier = is_classifier
        self.reference = run(model, photos)

    def __call__(self, model: ir.Model, plan: Plan) -> Verdict:
        """Judges a plan of the graph, or of a repaired one with the same outputs."""
        outputs = run(insert_qdq(model, plan), self._photos)
        found = verdict(self.reference, outputs, is_classifier=self._is_classifier)
        quality = min(map(_worst_part, self.reference, outputs, self._joined))
        return replace(found, sqnr_db=min(found.sqnr_db, quality))


def _worst_part(reference: Batch, output: Batch, joined: Joined) -> float:
    """The lowest SQNR of the parts an output is joined from, in dB; infinite where of none."""
    if not joined.is_joined:
        return math.inf
    size = math.prod(shape_of(joined.output))
    one, other = (array.reshape(-1, size) for array in (reference, output))
    places = [part.places.reshape(-1) for part in joined.parts]
    return min(sqnr_db(one[:, at], other[:, at]) for at in places)


def verdict(
    reference: Sequence[Batch], outputs: Sequence[Batch], *, is_classifier: bool = False
) -> Verdict:
    """Compares outputs with the float net's, one array (photos, ...) an output."""
    pairs = list(zip(reference, outputs, strict=True))
    logits = [(one, other) for one, other in pairs if one.ndim == 2 and one.shape[1] > 1]
    agreement = None
    if len(pairs) == 1 and logits:
        (one, other) = logits[0]
        agreement = float((one.argmax(axis=1) == other.argmax(axis=1)).mean())
        if is_classifier:
            pairs = [(_centred(one), _centred(other))]
    return Verdict(min(sqnr_db(one, other) for one, other in pairs), agreement)


def _centred(logits: Batch) -> Batch:
    """Every photo's logits, (photos, classes), less their mean."""
    centred: Batch = logits - logits.mean(axis=1, keepdims=True)
    return centred


def sqnr_db(reference: Batch, other: Batch) -> float:
    """10 log10 of a photo's energy over its error's, at most 200; mean over photos (first axis)."""
    real = reference.reshape(len(reference), -1).astype(np.float64)
    signal = np.maximum((real**2).sum(axis=1), 1e-20)
    noise = ((real - other.reshape(real.shape)) ** 2).sum(axis=1)
    return float(np.mean(10 * np.log10(signal / np.maximum(noise, 1e-20 * signal))))


def run(model: ir.Model, photos: Iterable[Batch]) -> list[Batch]:
    """Every output of the graph on every photo, stacked along the first axis."""
    session = open_graph(model)
    name = name_of(model.graph.inputs[0])
    results = in_threads(lambda photo: session.run(None, {name: photo}), photos)
    return [np.concatenate(column) for column in zip(*results, strict=True)]
