"""`--max-drop`: as little in float as photos show to hold a bound, and what they showed.

    photos that choose  ->  a few plans, ordered from most in float to everything in int8
    photos that judge   ->  each plan in turn, until the first that is not shown to hold the bound
    exported            ->  the last that was

The plan that is exported is the plan that was judged, on photos that chose nothing. Where none
is shown, or where there are too few photos to show any, the plan is exported that is predicted to
hold the bound, and what was not shown is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.divided_photos import MOST_CHOOSING, DividedPhotos, photos_to_give
from edgeconv.export.options import ExportOptions
from edgeconv.graph.view import input_names
from edgeconv.progress import Progress
from edgeconv.quantize.mixed.choice import Candidate, Chooser, ChoosingPhotos
from edgeconv.quantize.mixed.ladder import PartlyInFloat
from edgeconv.quantize.mixed.predicted_drop import PredictedDrop
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.quantize.recipe.recipes import Quantized
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.threads import count_workers, stream
from edgeconv.verify.accuracy.losses import LossUnit, Shown
from edgeconv.verify.accuracy.promise import (
    RISK,
    Outcome,
    expected,
    fewest_photos,
    is_shown,
    photos_needed,
)

#: Photos that the sensitivity is measured on: some settle it within some per cent.
RANKING_PHOTOS = 16
#: Where twice the predicted changes would still be shown, the whole plan is judged at once.
COMFORT = 2.0


@dataclass(frozen=True)
class Promise:
    """What photos showed of a bound.

    Attributes:
        at_most: the bound asked for.
        unit: of it.
        shown: whether the exported plan was shown to hold it, with `confidence`.
        of: what is lost; of classes "top-1 lost" with labels, and without "top-1 changed", which
            top-1 lost cannot exceed.
        outcome: what the exported plan did on the photos that judge; None where none did.
        calibrated, chose: how many photos did the rest.
        source: "folder", or "builtin".
        fewest_photos: how many must be given to show the bound at all, if no answer changes.
        needed_photos: about how many, were as many answers changed as were by the first plan judged
            (as are predicted where none was); None: no number would do.
    """

    at_most: float
    unit: LossUnit
    shown: bool
    of: str
    outcome: Outcome | Shown | None
    calibrated: int
    chose: int
    source: str
    fewest_photos: int
    needed_photos: int | None

    def to_json(self) -> dict[str, Any]:
        """The fields by name, with the confidence."""
        return {
            **vars(self),
            "confidence": 1 - RISK,
            "outcome": self.outcome and self.outcome.to_json(),
        }


@dataclass(frozen=True, eq=False)
class Mixed:
    """The plan that is exported with a bound, and why it.

    Attributes:
        chosen: the plan and what stays in float of it.
        promise: what was shown of it.
        in_int8: predicted drop with everything in int8; None where nothing is predicted, for other
            tasks than classes.
        least: predicted drop with nothing but the graph's ends in int8; None where that was not
            needed to choose.
    """

    chosen: PartlyInFloat
    promise: Promise
    in_int8: PredictedDrop | None
    least: PredictedDrop | None

    def to_json(self) -> dict[str, Any]:
        """The fields by name, without the plan."""
        return {
            "promise": self.promise.to_json(),
            "predicted_drop_in_int8": self.in_int8 and self.in_int8.to_json(),
            "predicted_drop_of_the_ends": self.least and self.least.to_json(),
            **self.chosen.to_json(),
        }


def bounded(
    graph: ir.Model,
    whole: Quantized,
    photos: DividedPhotos,
    options: ExportOptions,
    progress: Progress,
) -> Mixed:
    """The plan with as little in float as is shown to hold the bound, or else predicted to.

    Args:
        graph: the float net, unrepaired.
        whole: everything in int8, planned from the photos that calibrate.
        photos: all of them.
        options: with `max_drop`.
        progress: told of the steps.

    Raises:
        UsageError: the net is no classifier.
    """
    bound = options.max_drop or 0.0
    chooser = Chooser(whole.model, whole.plan, _choosing(photos, options), progress)
    chosen, outcome, first, shown = None, None, None, False
    if photos.judging.count:
        judge = Judge(graph, whole.model, photos, options, progress)
        for candidate in _sequence(chooser, photos, bound):
            found = judge(candidate.plan)
            first = first or found
            if not is_shown(found, bound):
                break
            chosen, outcome, shown = candidate, found, True
    if chosen is None:
        chosen = chooser.fewest(bound)
        outcome = judge(chosen.plan) if photos.judging.count else None
    missed = not shown and chosen.predicted.at_most_points > bound
    return Mixed(
        chosen,
        _promise(outcome, _shares(chosen.predicted, first, photos), photos, options, shown=shown),
        chooser.whole.predicted,
        chooser.least_drop() if missed else None,
    )


def warning(photos: DividedPhotos, options: ExportOptions) -> str | None:
    """What to tell before the work where no outcome could show the bound; else None."""
    if photos.judging.count:
        return None
    bound = options.max_drop or 0.0
    least = photos_to_give(fewest_photos(bound), options.calib_samples)
    if photos.calibration.source == "builtin":
        reason = f"the built-in photos are none of yours; give --calib a folder of {least:,} photos"
    elif photos.labels is not None:
        reason = f"too few photos with a label are there; at least {least:,} are needed"
    else:
        reason = f"{photos.total:,} photos are too few; at least {least:,} are needed"
    return (
        f"--max-drop {bound:g} will be chosen by prediction and shown by nothing (exit code 1): "
        f"{reason}"
    )


def _choosing(photos: DividedPhotos, options: ExportOptions) -> ChoosingPhotos:
    batch, raw = options.batch, options.io == "uint8"
    ranking = islice(photos.calibration.batches(batch, raw=raw), -(-RANKING_PHOTOS // batch))
    judging = islice(photos.choosing.batches(batch, raw=raw), MOST_CHOOSING)
    return ChoosingPhotos(list(ranking), list(judging), photos.choosing.count)


def _sequence(chooser: Chooser, photos: DividedPhotos, bound: float) -> Sequence[Candidate]:
    """The plans to judge, in their order; no photo that judges has a say in it."""
    foretold = _expected(chooser.whole, photos, photos.judging.count, COMFORT)
    return [chooser.whole] if is_shown(foretold, bound) else chooser.from_most_float()


def _expected(candidate: Candidate, photos: DividedPhotos, count: int, times: float) -> Outcome:
    predicted = candidate.predicted
    drop = None if photos.labels is None else predicted.points / 100
    return expected(count, predicted.disagreement, drop, times)


def _promise(
    outcome: Outcome | None,
    shares: tuple[float, float | None],
    photos: DividedPhotos,
    options: ExportOptions,
    *,
    shown: bool,
) -> Promise:
    bound = options.max_drop or 0.0
    needed = photos_needed(bound, *shares)
    return Promise(
        at_most=bound,
        unit="points",
        shown=shown,
        of="top-1 changed" if photos.labels is None else "top-1 lost",
        outcome=outcome,
        calibrated=photos.calibration.count,
        chose=photos.choosing.count,
        source=photos.calibration.source,
        fewest_photos=photos_to_give(fewest_photos(bound), options.calib_samples),
        needed_photos=None if needed is None else photos_to_give(needed, options.calib_samples),
    )


def _shares(
    predicted: PredictedDrop, outcome: Outcome | None, photos: DividedPhotos
) -> tuple[float, float | None]:
    """Shares of photos that change, and that are lost (None without labels): seen or foretold."""
    if outcome is None:
        return predicted.disagreement, None if photos.labels is None else predicted.points / 100
    if outcome.lost is None or outcome.gained is None:
        return outcome.changed / outcome.photos, None
    changed = outcome.lost + outcome.gained  # from one wrong answer to another costs nothing
    return changed / outcome.photos, max(outcome.lost - outcome.gained, 0) / outcome.photos


class Judge:
    """What plans do to the float net's answers on the photos that judge; few bytes a photo."""

    def __init__(
        self,
        graph: ir.Model,
        repaired: ir.Model,
        photos: DividedPhotos,
        options: ExportOptions,
        progress: Progress,
    ) -> None:
        """Runs the float net.

        Args:
            graph: the float net, unrepaired.
            repaired: the graph that plans are of.
            photos: those that judge, and their labels.
            options: batch and ends.
            progress: told of each run.
        """
        self._repaired, self._photos, self._options = repaired, photos, options
        self._progress = progress
        self._exact = self._first_classes(graph, "the float net")

    def __call__(self, plan: Plan) -> Outcome:
        """Runs a plan, in float arithmetic on its grids, as the int8 ONNX file computes it."""
        first = self._first_classes(insert_qdq(self._repaired, plan), "the plan")
        changed = int((first != self._exact).sum())
        if self._photos.labels is None:
            return Outcome(len(first), changed)
        labels = np.array(self._photos.labels)
        right, right_too = self._exact == labels, first == labels
        lost, gained = int((right & ~right_too).sum()), int((right_too & ~right).sum())
        return Outcome(len(first), changed, lost, gained)

    def _first_classes(self, model: ir.Model, name: str) -> NDArray[np.int64]:
        """The first class of each photo, the lowest of equal ones as in an app; -1 for NaN."""
        photos, options = self._photos.judging, self._options
        self._progress.step(f"judge {name} on photos that chose nothing", photos.count)
        session, taken = open_graph(model), input_names(model)

        def first(batch: Batch) -> NDArray[np.int64]:
            (logits,) = session.run(None, by_name(batch, taken))
            return np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), -1)

        batches = photos.batches(options.batch, raw=options.io == "uint8")
        found: list[NDArray[np.int64]] = []
        for classes in stream(first, batches, workers=count_workers()):
            found.append(classes)
            self._progress.advance(min(len(found) * options.batch, photos.count))
        return np.concatenate(found)[: photos.count]
