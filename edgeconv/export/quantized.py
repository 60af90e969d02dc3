"""The int8 side of an export: calibrated, planned, and with `--max-drop` partly left in float."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import onnx_ir as ir

from edgeconv.export import max_drop
from edgeconv.export.calibration import Calibration, OwnSamples, calibration_photos
from edgeconv.export.divided_photos import DividedPhotos, divide
from edgeconv.export.judging_labels import judging_labels
from edgeconv.export.max_drop import Mixed
from edgeconv.export.options import ExportOptions
from edgeconv.export.pixels import with_pixel_input
from edgeconv.export.progress import ExportProgress
from edgeconv.export.sources.source import Source
from edgeconv.export.task_drop import bounded_in_task, require_outputs
from edgeconv.export.task_photos import divided_for_task
from edgeconv.progress import Progress
from edgeconv.quantize.plan.apart import Apart, Statistics, keep_apart
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.planner import PlanConfig
from edgeconv.quantize.recipe.recipes import Quantized, Recipe, named, quantize
from edgeconv.quantize.recipe.step import RANGES_STEP
from edgeconv.quantize.repair.ends import Ends, ends_of
from edgeconv.verify.parity.hub_parts import parts_of_outputs
from edgeconv.verify.tasks.prepare import Judged, Prepared, prepared


@dataclass(frozen=True, eq=False)
class QuantizedNet:
    """A net that was calibrated.

    Attributes:
        whole: what the recipe made of its graph, everything in int8.
        calibration: the photos.
        mixed: what was left in float of it, None where that was not asked for.
    """

    whole: Quantized
    calibration: Calibration
    mixed: Mixed | None

    @property
    def plan(self) -> Plan:
        """The plan of the int8 files."""
        return self.whole.plan if self.mixed is None else self.mixed.chosen.plan

    @cached_property
    def apart(self) -> Apart:
        """What the plan keeps in float so that no part of an output is lost."""
        return keep_apart(self.whole.model, self.seen)

    @property
    def seen(self) -> Statistics:
        """What calibration saw of each tensor."""
        return self.whole.observations.tensors


def quantized_net(
    net: Source,
    model: ir.Model,
    own: OwnSamples | None,
    options: ExportOptions,
    progress: ExportProgress,
) -> QuantizedNet:
    """Calibrates and plans; with `--io uint8` the graph that takes raw pixels.

    Args:
        net: what is exported.
        model: its graph.
        own: the user's photos; None takes built-in ones.
        options: of the export.
        progress: told of the steps.

    Raises:
        UsageError: there are too few photos for `--max-drop`, or no labels for them.
        RefusedError: a weight or an activation is NaN or infinite; names the tensor.
    """
    progress.step(f"read the calibration {net.intake.samples}")
    raw = options.io == "uint8"
    graph = with_pixel_input(model, net.intake.of_photo(net.name)) if raw else model
    is_classifier = net.labels is not None and not options.features
    ends = ends_of(net.intake.preprocessing, is_classifier=is_classifier, raw=raw)
    task = _task(net, graph, options)
    divided = _divided(net, graph, own, options, task, progress)
    if divided is None:
        calibration = calibration_photos(own, net.intake, options.calib_samples)
    else:
        calibration = divided.calibration
    if calibration.note:
        progress.warn(calibration.note)

    whole, mixed = _planned(graph, calibration, ends, options, progress), None
    progress.steps(whole.steps)
    if divided is not None and task is None:
        mixed = max_drop.bounded(graph, whole, divided, options, progress)
    elif divided is not None and task is not None:
        mixed = bounded_in_task(graph, whole, divided, task, options, progress)
    found = QuantizedNet(whole, calibration, mixed)
    for note in found.apart.notes():
        progress.warn(note)
    return found


def _task(net: Source, graph: ir.Model, options: ExportOptions) -> Prepared | None:
    """What the bound is of, with its labels; None where it is of classes, or there is none."""
    if options.judged_task is None or options.calib is None:
        return None
    judged = Judged("the float net", net.intake, parts_of_outputs(graph, {}))
    task = prepared(options.judged_task, judged, options.calib)
    require_outputs(task, graph)
    return task


def _divided(
    net: Source,
    graph: ir.Model,
    own: OwnSamples | None,
    options: ExportOptions,
    task: Prepared | None,
    progress: ExportProgress,
) -> DividedPhotos | None:
    """The photos of an export with a bound; None without one."""
    if options.max_drop is None:
        return None
    if task is not None and own is not None:
        return divided_for_task(own, net.intake, options, task)
    labels = judging_labels(options, net.labels, graph)
    divided = divide(own, net.intake, options.calib_samples, options.max_drop, labels)
    if warning := max_drop.warning(divided, options):
        progress.warn(warning)
    return divided


def _planned(
    graph: ir.Model,
    photos: Calibration,
    ends: Ends,
    options: ExportOptions,
    progress: Progress,
) -> Quantized:
    """The graph's plan, everything in int8."""
    return quantize(
        graph,
        lambda: photos.batches(options.batch, raw=options.io == "uint8"),
        PlanConfig() if options.ranges is None else PlanConfig(ranges=options.ranges),
        ends=ends,
        recipe=_recipe(options),
        count=photos.count,
        progress=progress,
    )


def _recipe(options: ExportOptions) -> Recipe:
    """The recipe asked for; a range method that the user names is not chosen again."""
    recipe = named(options.recipe)
    return recipe if options.ranges is None else recipe.without(RANGES_STEP)
