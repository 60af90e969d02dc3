"""Mixed precision when it must be: which operators stay in float so that top-1 drops little enough.

    measure: what each rounding alone does to the logits              (`sensitivity`, once)
    rank:    operators that rid the net of most noise for least work  (`islands`, no run)
    predict: what the plan with these in float changes and costs      (`predicted_drop`)

The photos that a drop is predicted from are others than the plan was made of: a plan is at its best
on those. What is found here is a choice and a prediction; whether it holds, photos that have chosen
nothing must show (`export.max_drop`).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.graph.parts import parts_of
from edgeconv.graph.view import name_of, shape_of
from edgeconv.progress import SILENT, Progress
from edgeconv.quantize.mixed.ladder import Ladder, PartlyInFloat
from edgeconv.quantize.mixed.predicted_drop import PredictedDrop, predict_drop
from edgeconv.quantize.mixed.sensitivity import noise_by_photo
from edgeconv.quantize.mixed.switches import Switch, SwitchedNet
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.runtime.feeds import Batch

#: Sets that are run to choose among all.
MOST_RUN = 6
#: How much more noise than the ranking foretold is chance: medians over some tens of photos.
CHANCE = 1.5


@dataclass(frozen=True, eq=False, kw_only=True)
class Candidate(PartlyInFloat):
    """One of a classifier; `predicted` is its predicted drop."""

    predicted: PredictedDrop

    def to_json(self) -> dict[str, Any]:
        """The fields by name, without the plan."""
        return {"predicted_drop": self.predicted.to_json(), **super().to_json()}


@dataclass(frozen=True, eq=False)
class ChoosingPhotos:
    """What the choice looks at; float32 (N, 3, H, W) each.

    Attributes:
        ranking: a few photos, on which the sensitivity is measured; the plan may be made of them.
        judging: others, which the plan was not made of.
        count: how many photos `judging` holds; what follows fills up its last batch.
    """

    ranking: Sequence[Batch]
    judging: Sequence[Batch]
    count: int


class Chooser:
    """A plan with everything in int8, and what may stay in float of it.

    Attributes:
        whole: everything in int8.
    """

    def __init__(
        self, model: ir.Model, plan: Plan, photos: ChoosingPhotos, progress: Progress = SILENT
    ) -> None:
        """Predicts the drop of the whole plan.

        Args:
            model: the graph the plan is of; its first output are logits, (N, classes).
            plan: everything in int8.
            photos: what to look at.
            progress: told of the steps.

        Raises:
            UsageError: too few photos to predict from, or the net is no classifier.
        """
        _require_classifier(model)
        _require_one_kind(model, plan)
        progress.step("predict the drop of int8")
        net = SwitchedNet(model, plan)
        self._progress = progress
        self._judge = _Judge(_Seen(net, photos))
        self.whole = Candidate(plan=plan, predicted=self._judge.before)
        self._ladder = Ladder(
            model, plan, net, photos.ranking, noise_by_photo, lambda: self._ends[1], progress
        )

    def fewest(self, max_drop: float) -> Candidate:
        """As little in float as keeps the upper limit of the predicted drop within a bound.

        Half of the multiply-adds where less does not.
        """
        ladder = self._ladder
        if self.whole.predicted.at_most_points <= max_drop or not ladder.sets:
            return self.whole
        self._progress.step("choose what stays in float")
        kept, predicted = _fewest(ladder.sets, ladder.levels, self._judge, max_drop)
        return self._candidate(kept, predicted)

    def from_most_float(self) -> list[Candidate]:
        """A few plans in the order of their noise, from most in float to everything in int8."""
        ladder = self._ladder
        found = [
            self._candidate(ladder.sets[number], self._judge.predict(ladder.levels[number]))
            for number in ladder.steps()
        ]
        return [*found, self.whole]

    def least_drop(self) -> PredictedDrop:
        """Of nothing but the graph's input and output in int8: no choice can leave less."""
        return self._ends[0]

    def _candidate(self, kept: frozenset[str], predicted: PredictedDrop) -> Candidate:
        return Candidate(**vars(self._ladder.with_in_float(kept)), predicted=predicted)

    @cached_property
    def _ends(self) -> tuple[PredictedDrop, float]:
        return self._judge.measure_ends()


@dataclass(frozen=True, eq=False)
class _Seen:
    """The net on the photos that predict; logits are (photos, classes)."""

    net: SwitchedNet
    photos: ChoosingPhotos

    def exact(self) -> NDArray[np.float32]:
        """Of the float net."""
        return self.net.values(self.photos.judging, (), ends=False)[: self.photos.count]

    def logits(self, kept: Callable[[Switch], bool]) -> NDArray[np.float32]:
        """Of int8, without the roundings that are not `kept`."""
        on = [number for number, switch in enumerate(self.net.switches) if kept(switch)]
        return self.net.values(self.photos.judging, on, ends=True)[: self.photos.count]


class _Judge:
    """Predicts the drop at a level of noise, the int8 net's being 1.

    What roundings did to the logits of the judging photos is a sample of errors. One alone turns
    over a photo or two by chance, so all samples there are foretell every level, grown or shrunk to
    it: two sets are told apart by their noise and not by their luck.

    Attributes:
        before: the prediction with everything in int8.
    """

    def __init__(self, net: _Seen) -> None:
        self._net = net
        self._exact = net.exact()
        int8 = net.logits(lambda _switch: True)
        self._noise = np.maximum(noise_by_photo(self._exact, int8), 1e-30)
        self._samples = [(1.0, int8)]
        self.before = self.predict(1.0)

    def measure_ends(self) -> tuple[PredictedDrop, float]:
        """What the graph's input and output cost alone, and their level."""
        ends = self._net.logits(lambda _switch: False)
        return predict_drop(self._exact, ends), self._level(ends)

    def run(self, kept: frozenset[str], foretold: float) -> float:
        """Takes a sample of errors with these nodes in float; gives its level.

        That is the one foretold, unless it is clearly higher: then noises do not add up here.
        """
        logits = self._net.logits(lambda switch: not switch.nodes <= kept)
        measured = self._level(logits)
        level = measured if measured > CHANCE * foretold else foretold
        self._samples.append((level, logits))
        return level

    def predict(self, level: float) -> PredictedDrop:
        """The drop at a level of noise."""
        return predict_drop(
            self._exact,
            *(
                self._exact + math.sqrt(level / own) * (sample - self._exact)
                for own, sample in self._samples
            ),
        )

    def _level(self, logits: NDArray[np.float32]) -> float:
        """On ordinary photos: of one that is clipped, rounding says little."""
        ratios = noise_by_photo(self._exact, logits) / self._noise
        return max(float(np.median(ratios)), 1e-9)


def _require_classifier(model: ir.Model) -> None:
    outputs = [shape_of(value) for value in model.graph.outputs]
    if len(outputs) != 1 or len(outputs[0]) != 2 or outputs[0][1] < 2:
        raise UsageError(
            f"a bound on the drop of top-1 needs a classifier; this net gives outputs of shape "
            f"{', '.join(map(str, outputs))}; name what it is judged by: --task"
        )


def _require_one_kind(model: ir.Model, plan: Plan) -> None:
    """Raises UsageError where the output joins unlike parts, among which no value is the top."""
    joined = parts_of(model.graph.outputs[0])
    if joined.is_joined and name_of(joined.output) not in plan.activations:
        raise UsageError(
            f"a bound on the drop of top-1 needs a classifier; the output of this net joins "
            f"{', '.join(part.name for part in joined.parts)}, which are of unlike ranges; name "
            "what it is judged by: --task"
        )


def _fewest(
    sets: Sequence[frozenset[str]], levels: Sequence[float], judge: _Judge, bound: float
) -> tuple[frozenset[str], PredictedDrop]:
    """The smallest set within the bound, the largest where none is; with its prediction.

    The one that looks right is run, or the nearest to it that has not been. That is one more sample
    of errors, by which another may look right.
    """
    found = list(levels)
    run: set[int] = set()

    def within(number: int) -> bool:
        return judge.predict(found[number]).at_most_points <= bound

    while len(run) < min(MOST_RUN, len(sets)):
        wanted = bisect_left(range(len(sets) - 1), True, key=within)
        left = (i for i in range(len(sets)) if i not in run)
        number = min(left, key=lambda i: abs(i - wanted))
        run.add(number)
        level = judge.run(sets[number], found[number])
        more = level / found[number]
        found = [known if i in run - {number} else more * known for i, known in enumerate(found)]
    number = next(filter(within, sorted(run)), max(run))
    return sets[number], judge.predict(found[number])
