"""The whole of int8 in one call: a recipe's steps, then a plan from all photos.

fast       the two steps that gain most, from few photos
default    the same and more
thorough   everything worth some minutes

Each step is judged on photos that were held back from it, and kept where it helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from types import MappingProxyType
from typing import Literal, get_args

import onnx_ir as ir

from edgeconv.errors import UnknownName
from edgeconv.progress import SILENT, Advance, Progress
from edgeconv.quantize.observe.observations import Observations
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.planner import PlanConfig
from edgeconv.quantize.recipe.draft import Draft, Inputs
from edgeconv.quantize.recipe.sample import Sample, affordable, divide
from edgeconv.quantize.recipe.search import Found, apply_all, apply_what_helps
from edgeconv.quantize.recipe.step import Step, StepReport
from edgeconv.quantize.recipe.steps import (
    CENTER_CHANNELS,
    CORRECT_BIASES,
    EQUALIZE,
    EQUALIZE_BY_NOISE,
    MEASURE_BIASES,
    REUSE_DEAD_CHANNELS,
    ROUND_WEIGHTS,
    ROUND_WEIGHTS_THOROUGHLY,
    SCALE_SWISHES,
)
from edgeconv.quantize.recipe.stretch_ranges import CHOOSE_RANGES
from edgeconv.quantize.refine.judge import Judge
from edgeconv.quantize.repair.ends import Ends
from edgeconv.quantize.repair.repairs import Repairs

#: Photos that are looked at of a light net, at most.
MOST_PHOTOS = 512

RecipeName = Literal["fast", "default", "thorough"]
RECIPE_NAMES: tuple[RecipeName, ...] = get_args(RecipeName)


@dataclass(frozen=True)
class Recipe:
    """Which steps are taken, and on how many photos.

    Attributes:
        name: as the user asks for it.
        steps: in order; those that finish a plan last.
        photos: photos that the steps and their judge look at.
        most_photos: as many of a light net, for the same time.
        trials: those of them that the ranges of a plan on trial come from; None for all.
        measured: whether some of those are held back and each step is judged on them.
        observed: most photos the final plan is made of; None for all.
    """

    name: str
    steps: tuple[Step, ...]
    photos: int
    measured: bool
    most_photos: int = 0
    trials: int | None = None
    observed: int | None = None

    def without(self, *names: str) -> Recipe:
        """The same recipe less the steps of these names."""
        return replace(self, steps=tuple(s for s in self.steps if s.name not in names))


#: What is done where there are too few photos to judge anything on.
_UNJUDGED = (CORRECT_BIASES,)

#: The steps of `default` and `thorough` up to the one that each has in its own way.
_BEFORE_ROUNDING = (
    *(CORRECT_BIASES, SCALE_SWISHES, EQUALIZE, EQUALIZE_BY_NOISE),
    *(REUSE_DEAD_CHANNELS, CENTER_CHANNELS, CHOOSE_RANGES),
)

_FAST = Recipe("fast", (CORRECT_BIASES, EQUALIZE), photos=32, measured=True, observed=48)
_DEFAULT = Recipe(
    "default",
    (*_BEFORE_ROUNDING, ROUND_WEIGHTS, MEASURE_BIASES),
    photos=80,
    measured=True,
    most_photos=MOST_PHOTOS,
    trials=32,
)
_THOROUGH = Recipe(
    "thorough",
    (*_BEFORE_ROUNDING, ROUND_WEIGHTS_THOROUGHLY, MEASURE_BIASES),
    photos=256,
    measured=True,
    most_photos=MOST_PHOTOS,
)

RECIPES: Mapping[RecipeName, Recipe] = MappingProxyType(
    {"fast": _FAST, "default": _DEFAULT, "thorough": _THOROUGH}
)


@dataclass(frozen=True, eq=False)
class Quantized:
    """A planned graph.

    Attributes:
        model: the graph the plan is of: the same net, perhaps repaired.
        observations: what calibration saw of that graph.
        plan: its quantization.
        recipe: the name of the recipe.
        steps: what each step of it did.
        repairs: what they did to single channels of the graph.
    """

    model: ir.Model
    observations: Observations
    plan: Plan
    recipe: str
    steps: tuple[StepReport, ...]
    repairs: Repairs


def quantize(
    model: ir.Model,
    inputs: Inputs,
    config: PlanConfig | None = None,
    *,
    ends: Ends | None = None,
    recipe: RecipeName | Recipe = "default",
    count: int | None = None,
    progress: Progress = SILENT,
) -> Quantized:
    """Plans the int8 form of a hub graph.

    Args:
        model: a hub graph; it is not changed.
        inputs: gives the calibration inputs, float32 (N, 3, H, W); any first part of them should be
            a fair sample of all.
        config: how ranges and integers are chosen before any step changes that.
        ends: what is known of the net's input and output; None for nothing.
        recipe: which steps are tried.
        count: how many inputs there are, where that is known; only told to `progress`.
        progress: told of the trial of the recipe's steps, and of the final plan.

    Raises:
        UnknownName: there is no such recipe.
        UsageError: there are no inputs, or their shape is not the graph's.
        RefusedError: a weight or an activation is NaN or infinite; names the tensor.
    """
    chosen = recipe if isinstance(recipe, Recipe) else named(recipe)
    photos = iter(inputs())
    most = affordable(chosen.photos, model, chosen.most_photos)
    sample = divide(photos, most, hold_back=chosen.measured)
    if chosen.measured and not sample.held_back:
        chosen = replace(chosen, steps=tuple(s for s in chosen.steps if s in _UNJUDGED))
    start = Draft(
        *(model, lambda: sample.seen, config or PlanConfig(), ends or Ends()),
        trials=chosen.trials and affordable(chosen.trials, model, chosen.most_photos),
    )
    if sample.held_back:
        progress.step(f"try the steps of recipe {chosen.name}", len(chosen.steps))
    found = _search(start, chosen.steps, sample, progress.advance)
    progress.step("calibrate and plan the quantization", _least(count, chosen.observed))
    further = None if chosen.observed is None else max(0, chosen.observed - sample.count)
    final = found.draft.with_more(
        chain(sample.held_back, islice(photos, further)), progress.advance
    )
    for step in found.kept:
        if step.kind == "finish":
            final = step.apply(final)
    return Quantized(
        *(final.model, final.observations, final.plan),
        *(chosen.name, found.reports, final.repairs),
    )


def _least(*counts: int | None) -> int | None:
    return min((count for count in counts if count is not None), default=None)


def named(name: str) -> Recipe:
    """The recipe of that name; raises UnknownName."""
    for known, recipe in RECIPES.items():
        if known == name:
            return recipe
    raise UnknownName("recipe", name, RECIPE_NAMES, f"Allowed: {', '.join(RECIPE_NAMES)}.")


def _search(draft: Draft, steps: tuple[Step, ...], sample: Sample, advance: Advance) -> Found:
    if not sample.held_back:
        return apply_all(draft, steps)
    judge = Judge(draft.model, sample.held_back, is_classifier=draft.ends.is_classifier)
    return apply_what_helps(draft, steps, judge, advance)
