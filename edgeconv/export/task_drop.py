"""`--max-drop` of any task: the plan that is exported is judged in the task's own figure.

    photos without labels      calibrate; they choose, where there are enough of them
    photos with labels         judge, and some that are left over choose

What `max_drop` does for classifiers by a prediction is done here without one: where the photos that
choose show the bound for everything in int8, that plan alone is judged; else the plans in the order
of their noise, from most in float on, until the first that is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import onnx_ir as ir

from edgeconv.export.calibration import Calibration, samples_of
from edgeconv.export.divided_photos import DividedPhotos, photos_to_give
from edgeconv.export.max_drop import RANKING_PHOTOS, Mixed, Promise
from edgeconv.export.options import ExportOptions
from edgeconv.graph.view import input_names, name_of, shape_of
from edgeconv.progress import Progress
from edgeconv.quantize.mixed.compared import Compared
from edgeconv.quantize.mixed.ladder import Ladder, PartlyInFloat
from edgeconv.quantize.mixed.switches import SwitchedNet
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.quantize.recipe.recipes import Quantized
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.runtime.session import TensorSpec
from edgeconv.threads import count_workers, stream
from edgeconv.verify.accuracy.losses import CountedLoss, Shown
from edgeconv.verify.tasks.drops import Loss, bootstrapped, shown
from edgeconv.verify.tasks.prepare import Prepared
from edgeconv.verify.tasks.run import Outputs, Task

#: Photos on which the ends' noise, and the bound of everything in int8, are looked at beforehand.
MOST_LOOKED_AT = 32
#: Fewer photos with labels say nothing beforehand.
_FEWEST_LOOKED_AT = 10
_LEVEL_FLOOR = 1e-9


def require_outputs(task: Prepared, graph: ir.Model) -> None:
    """Raises UsageError where a task reads outputs that the net has not."""
    task.task_of(task.photos[:1], _outputs(graph))


def bounded_in_task(
    graph: ir.Model,
    whole: Quantized,
    photos: DividedPhotos,
    task: Prepared,
    options: ExportOptions,
    progress: Progress,
) -> Mixed:
    """The plan with as little in float as is shown to hold the bound.

    Where none is, the one that was judged first, which is said of it.

    Args:
        graph: the float net, unrepaired.
        whole: everything in int8, planned from the photos that calibrate.
        photos: all of them, those that judge with labels.
        task: what the bound is of.
        options: with `max_drop`.
        progress: told of the steps.
    """
    bound = options.max_drop or 0.0
    judge = TaskJudge(graph, whole.model, task, options, progress)
    everything = PartlyInFloat(plan=whole.plan)
    plans = [everything]
    if not _looks_shown(judge, whole.plan, photos.choosing, task, bound):
        ladder = _ladder(whole, photos, options, progress)
        steps = (ladder.with_in_float(ladder.sets[number]) for number in ladder.steps())
        plans = [*steps, everything]
    chosen, kept = plans[0], shown(judge(plans[0].plan, photos.judging), bound)
    for plan in plans[1:] if kept.shown else ():
        found = shown(judge(plan.plan, photos.judging), bound)
        if not found.shown:
            break
        chosen, kept = plan, found
    return Mixed(chosen, _promise(kept, photos, task, options), None, None)


def _looks_shown(
    judge: TaskJudge, plan: Plan, photos: Calibration, task: Prepared, bound: float
) -> bool:
    """Whether photos that choose would show the bound, however few they are."""
    able = set(task.photos)
    labelled = [path for path in photos.paths if path in able][:MOST_LOOKED_AT]
    if len(labelled) < _FEWEST_LOOKED_AT or task.pairs:
        return False
    looked_at = samples_of(labelled, photos.intake)
    loss = judge(plan, looked_at, "everything in int8 on samples that choose")
    if isinstance(loss, CountedLoss):
        return 100 * loss.outcome.changed <= bound / 2 * loss.outcome.photos
    return bootstrapped(loss)[1] <= bound


def _ladder(
    whole: Quantized, photos: DividedPhotos, options: ExportOptions, progress: Progress
) -> Ladder:
    compared = Compared(whole.model)
    net = SwitchedNet(whole.model, whole.plan, compared.read)
    looked_at = list(_batches(photos.choosing, options, MOST_LOOKED_AT))
    ranking = list(_batches(photos.calibration, options, RANKING_PHOTOS))

    def ends_level() -> float:
        exact = net.values(looked_at, (), ends=False)
        int8, ends = (
            compared.noise_of(exact, net.values(looked_at, on, ends=True))
            for on in (range(len(net.switches)), ())
        )
        return max(float(np.median(ends / np.maximum(int8, 1e-30))), _LEVEL_FLOOR)

    return Ladder(whole.model, whole.plan, net, ranking, compared.noise_of, ends_level, progress)


def _batches(photos: Calibration, options: ExportOptions, most: int) -> Iterator[Batch]:
    count = -(-most // options.batch)
    return islice(photos.batches(options.batch, raw=options.io == "uint8"), count)


def _promise(
    found: Shown, photos: DividedPhotos, task: Prepared, options: ExportOptions
) -> Promise:
    def to_give(judged: int) -> int:
        return photos_to_give(judged * (2 if task.pairs else 1), options.calib_samples)

    return Promise(
        at_most=found.bound,
        unit=found.unit,
        shown=found.shown,
        of=found.of,
        outcome=found,
        calibrated=photos.calibration.count,
        chose=photos.choosing.count,
        source=photos.calibration.source,
        fewest_photos=to_give(found.fewest),
        needed_photos=None if found.needed is None else to_give(found.needed),
    )


class TaskJudge:
    """What plans lose in a task; both nets run on a batch, so that no outputs are held."""

    def __init__(
        self,
        graph: ir.Model,
        repaired: ir.Model,
        task: Prepared,
        options: ExportOptions,
        progress: Progress,
    ) -> None:
        """Opens the float net.

        Args:
            graph: the float net, unrepaired.
            repaired: the graph that plans are of.
            task: the labels.
            options: batch and ends.
            progress: told of each run.
        """
        self._repaired, self._task, self._options = repaired, task, options
        self._progress = progress
        self._exact, self._inputs = open_graph(graph), input_names(graph)
        self._outputs = _outputs(graph)

    def __call__(
        self,
        plan: Plan,
        photos: Calibration,
        name: str = "the plan on samples that chose nothing",
    ) -> Loss | CountedLoss:
        """Runs a plan, in float arithmetic on its grids, as the int8 ONNX file computes it.

        Args:
            plan: of the repaired graph.
            photos: with labels, where the task has some.
            name: of the run, for people.
        """
        task = self._task.task_of(photos.paths, self._outputs)
        rounded = open_graph(insert_qdq(self._repaired, plan))
        self._progress.step(f"judge {name}", photos.count)

        def both(batch: Batch) -> tuple[Outputs, Outputs]:
            given = by_name(batch, self._inputs)
            return self._exact.run(None, given), rounded.run(None, given)

        batches = photos.batches(self._options.batch, raw=self._options.io == "uint8")
        kept: list[Any] = []
        exact_kept: list[Any] = []
        for exact, own in stream(both, batches, workers=count_workers()):
            for rows in zip(zip(*exact, strict=True), zip(*own, strict=True), strict=True):
                if len(kept) < photos.count:
                    self._keep(task, rows, exact_kept, kept)
            self._progress.advance(len(kept))
        return task.loss(kept, exact_kept)

    @staticmethod
    def _keep(
        task: Task[Any, Any], rows: Sequence[Outputs], exact_kept: list[Any], kept: list[Any]
    ) -> None:
        exact, own = map(list, rows)
        expected = task.expect(len(kept), exact)
        exact_kept.append(task.keep(exact, expected))
        kept.append(task.keep(own, expected))


def _outputs(graph: ir.Model) -> list[TensorSpec]:
    """As the float ONNX file has them."""
    return [
        TensorSpec(
            name_of(value),
            shape_of(value),
            np.dtype(np.float32) if value.dtype is None else value.dtype.numpy(),
        )
        for value in graph.graph.outputs
    ]
