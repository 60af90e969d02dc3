"""Mixed precision when it must be: which operators stay in float so that top-1 drops little enough.

    measure: what each rounding alone does to the logits              (`sensitivity`, once)
    rank:    operators that rid the net of most noise for least work  (`islands`, no run)
    choose:  as few of the ranked as keep the predicted drop in bounds (`predicted_drop`)

All three look at folds of the calibration photos: plans made of some of them, judged on the others,
so that what is foretold is what photos of an app will show. The choice then holds for the plan that
is made of all photos.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.graph.parts import parts_of
from edgeconv.graph.view import name_of, shape_of
from edgeconv.progress import SILENT, Advance, Progress
from edgeconv.quantize.mixed.islands import Island, IslandGraph, ranked
from edgeconv.quantize.mixed.predicted_drop import PredictedDrop, predict_drop
from edgeconv.quantize.mixed.sensitivity import Sensitivity, measure, noise_by_photo
from edgeconv.quantize.mixed.switches import Switch, SwitchedNet
from edgeconv.quantize.plan.in_float import with_islands
from edgeconv.quantize.plan.parameters import Plan

#: Sets that are run to choose among all.
MOST_RUN = 6
#: How much more noise than the ranking foretold is chance: medians over some tens of photos.
CHANCE = 1.5


@dataclass(frozen=True, eq=False)
class Mixed:
    """A plan that keeps operators in float, and why.

    Attributes:
        plan: the plan, with its islands.
        max_drop: the bound asked for, in points.
        before: predicted drop with everything in int8.
        after: predicted drop of this plan.
        islands: what stays in float, in the graph's order.
        multiply_adds_share: share of the multiply-adds in float, 0 to 1.
        ends: where the bound is missed, the predicted drop with nothing but the graph's input and
            output in int8: about the least that any choice can leave.
    """

    plan: Plan
    max_drop: float
    before: PredictedDrop
    after: PredictedDrop
    islands: tuple[Island, ...]
    multiply_adds_share: float
    ends: PredictedDrop | None = None

    @property
    def met(self) -> bool:
        """Whether the predicted drop's upper bound lies within the bound asked for."""
        return self.after.at_most_points <= self.max_drop

    def to_json(self) -> dict[str, Any]:
        """The fields by name, without the plan."""
        return {
            "max_drop_points": self.max_drop,
            "met": self.met,
            "predicted_drop_in_int8": self.before.to_json(),
            "predicted_drop": self.after.to_json(),
            "predicted_drop_of_the_ends": self.ends and self.ends.to_json(),
            "multiply_adds_share": round(self.multiply_adds_share, 6),
            "islands": [
                {**vars(island), "noise_share": round(island.noise_share, 6)}
                for island in self.islands
            ],
        }


@dataclass(frozen=True, eq=False)
class Fold:
    """A plan that was made of some of the photos only, and others; float32 (N, 3, H, W) each.

    Attributes:
        model: the graph the plan is of, its nodes named as in every other fold.
        plan: everything in int8.
        ranking: a few photos, on which the sensitivity is measured; the plan may be made of them.
        judging: others, of which neither the plan nor the ranking has seen anything.
        count: how many photos `judging` holds; what follows fills up its last batch.
    """

    model: ir.Model
    plan: Plan
    ranking: Sequence[NDArray[np.float32]]
    judging: Sequence[NDArray[np.float32]]
    count: int


def keep_in_float(
    model: ir.Model,
    plan: Plan,
    folds: Iterable[Fold],
    max_drop: float,
    progress: Progress = SILENT,
) -> Mixed:
    """The plan with as little in float as keeps the predicted drop of top-1 within a bound.

    Args:
        model: the graph the plan is of; its first output are logits, (N, classes).
        plan: everything in int8.
        folds: plans made in the same way of some of the photos, with the others, which judge.
        max_drop: bound of the drop in percentage points.
        progress: told of the steps.

    Raises:
        UsageError: too few photos to judge by, or the net is no classifier.
    """
    _require_classifier(model)
    _require_one_kind(model, plan)
    nets = _Nets(folds)
    progress.step("predict the drop of int8")
    judge = _Judge(nets)
    if judge.before.at_most_points <= max_drop:
        return Mixed(plan, max_drop, judge.before, judge.before, (), 0.0)
    progress.step("measure the sensitivity to each rounding", nets.switch_count)
    sensitivities = nets.sensitivities(progress.advance)
    graph = IslandGraph(model, plan)
    sets = ranked(graph, sensitivities)
    progress.step("choose what stays in float")
    ends, least = judge.measure_ends()
    kept, after = _fewest(sets, _levels(sets, sensitivities, least), judge, max_drop)
    return Mixed(
        with_islands(model, plan, kept),
        max_drop,
        judge.before,
        after,
        graph.islands(kept, sensitivities),
        graph.multiply_adds_share(kept),
        ends if after.at_most_points > max_drop else None,
    )


class _Nets:
    """The folds' nets side by side: what they say is said of all folds' photos."""

    def __init__(self, folds: Iterable[Fold]) -> None:
        self._folds = [(fold, SwitchedNet(fold.model, fold.plan)) for fold in folds]
        self.switch_count = sum(len(net.switches) for _, net in self._folds)

    def exact(self) -> NDArray[np.float32]:
        """The float net's logits on every judging photo, (photos, classes)."""
        parts = (net.logits(f.judging, (), ends=False)[: f.count] for f, net in self._folds)
        return np.concatenate(list(parts))

    def logits(self, kept: Callable[[Switch], bool]) -> NDArray[np.float32]:
        """The same of int8, without the roundings that are not `kept`."""
        parts = []
        for fold, net in self._folds:
            on = [number for number, switch in enumerate(net.switches) if kept(switch)]
            parts.append(net.logits(fold.judging, on, ends=True)[: fold.count])
        return np.concatenate(parts)

    def sensitivities(self, advance: Advance) -> list[Sensitivity]:
        """Of every fold, each share being of the noise of all folds."""
        found: list[Sensitivity] = []
        for fold, net in self._folds:
            measured = measure(net, fold.ranking, _after(len(found), advance))
            found += [replace(s, share=s.share / len(self._folds)) for s in measured]
        return found


def _after(done: int, advance: Advance) -> Advance:
    """Goes on counting where other work has stopped."""
    return lambda more: advance(done + more)


class _Judge:
    """Predicts the drop at a level of noise, the int8 net's being 1.

    What roundings did to the logits of the judging photos is a sample of errors. One alone turns
    over a photo or two by chance, so all samples there are foretell every level, grown or shrunk to
    it: two sets are told apart by their noise and not by their luck.

    Attributes:
        before: the prediction with everything in int8.
    """

    def __init__(self, nets: _Nets) -> None:
        self._nets = nets
        self._exact = nets.exact()
        int8 = nets.logits(lambda _switch: True)
        self._noise = np.maximum(noise_by_photo(self._exact, int8), 1e-30)
        self._samples = [(1.0, int8)]
        self.before = self.predict(1.0)

    def measure_ends(self) -> tuple[PredictedDrop, float]:
        """What the graph's input and output cost alone, and their level."""
        ends = self._nets.logits(lambda _switch: False)
        return predict_drop(self._exact, ends), self._level(ends)

    def run(self, kept: frozenset[str], foretold: float) -> float:
        """Takes a sample of errors with these nodes in float; gives its level.

        That is the one foretold, unless it is clearly higher: then noises do not add up here.
        """
        logits = self._nets.logits(lambda switch: not switch.nodes <= kept)
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
            f"{', '.join(map(str, outputs))}"
        )


def _require_one_kind(model: ir.Model, plan: Plan) -> None:
    """Raises UsageError where the output joins unlike parts, among which no value is the top."""
    joined = parts_of(model.graph.outputs[0])
    if joined.is_joined and name_of(joined.output) not in plan.activations:
        raise UsageError(
            f"a bound on the drop of top-1 needs a classifier; the output of this net joins "
            f"{', '.join(part.name for part in joined.parts)}, which are of unlike ranges"
        )


def _levels(
    sets: Sequence[frozenset[str]], sensitivities: Sequence[Sensitivity], ends: float
) -> list[float]:
    """The noise that each set leaves, int8's being 1; `ends` of it no set can take away."""
    left = (sum(s.share for s in sensitivities if not s.switch.nodes <= kept) for kept in sets)
    return [ends + (1 - ends) * share for share in left]


def _fewest(
    sets: Sequence[frozenset[str]], levels: Sequence[float], judge: _Judge, bound: float
) -> tuple[frozenset[str], PredictedDrop]:
    """The smallest set within the bound, the largest where none is; with its prediction.

    The one that looks right is run, or the nearest to it that has not been. That is one more sample
    of errors, by which another may look right.
    """
    if not sets:
        return frozenset(), judge.before
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
