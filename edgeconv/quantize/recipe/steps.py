"""The steps of the recipes, but for the one that chooses ranges (`stretch_ranges`)."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from edgeconv.quantize.plan.bias import correct
from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.step import Step
from edgeconv.quantize.refine.bias_measured import correct_measured
from edgeconv.quantize.repair.center import center_channels
from edgeconv.quantize.repair.divide import (
    divide,
    divide_by_factor,
    divisible_of,
    repairs_of,
)
from edgeconv.quantize.repair.equalize import STRENGTH, equalize, scale_swishes
from edgeconv.quantize.repair.repairs import Repairs
from edgeconv.quantize.repair.reuse import reuse_dead_channels
from edgeconv.quantize.repair.swish import with_own_arguments
from edgeconv.quantize.repair.swish_choice import worthwhile_swishes

#: How far below no gain the judge's few photos may find a step that arithmetic shows to gain.
_CHANCE_DB = 0.3
#: What scaled swishes may add to the values that swishes compute, as a share of them: for a net
#: like EfficientNet-B0 10 % of its time.
AFFORDABLE = 0.2
#: Gain from which on that step stays, for it makes the int8 files slower.
_WORTH_TIME_DB = 0.5
#: Photos whose errors are averaged to measure biases.
_MEASURED = 32
#: Photos that weights are rounded from, and those of the thorough recipe.
_ROUNDED, _ROUNDED_THOROUGHLY = 24, 96


def _correct_biases(draft: Draft) -> Draft:
    """Takes the mean error of integer weights out of the biases."""
    return draft.with_config(replace(draft.config, bias_correction=True))


def _equalize(draft: Draft) -> Draft:
    """Evens out channels across layers by a fixed strength, which helps nearly every net."""
    return _equalized(draft, STRENGTH)


def _scale_swishes(draft: Draft) -> Draft:
    """Evens out the channels of those swishes that are worth their time.

    Layers that can be divided are, for that takes less of it than a factor for each channel.
    Weights that read them differ more than before, so the mean of their errors is taken out, too.
    """
    chosen = worthwhile_swishes(draft.model, draft.observations, AFFORDABLE)
    if not chosen:
        return draft
    parted = divisible_of(draft.model, chosen)
    done = scale_swishes(draft.model, draft.observations, chosen, parted)
    divided = divide_by_factor(done.model, parted)
    repairs = repairs_of(divided, Repairs(factors=done.factors, swishes=tuple(chosen)))
    original = with_own_arguments(draft.unrepaired, chosen)
    scaled = draft.with_model(
        divided.model, repairs, divide(original, divided.sizes, divided.orders).model
    )
    return scaled.with_config(replace(draft.config, bias_correction=True))


def _equalize_by_noise(draft: Draft) -> Draft:
    """Does so by what noise it foretells; gains more on some nets, loses on others."""
    return _equalized(draft, None)


def _equalized(draft: Draft, strength: float | None) -> Draft:
    done = equalize(draft.model, draft.observations, strength)
    if not done.factors:
        return draft
    return draft.with_model(done.model, Repairs(factors=done.factors))


def _reuse(draft: Draft) -> Draft:
    """Puts provably dead channels to use."""
    source = draft.ends.source
    if source is None:
        return draft
    found = reuse_dead_channels(draft.model, draft.plan, source, draft.inputs(), draft.unrepaired)
    if not found.copies:
        return draft
    return draft.with_model(found.model, Repairs(copies=found.copies))


def _center(draft: Draft) -> Draft:
    """Shifts linear channels until they share the middle of their tensor's range."""
    centred = center_channels(draft.model, draft.observations)
    if not centred.offsets:
        return draft
    return draft.with_model(centred.model, Repairs(offsets=centred.offsets))


def _rounded(draft: Draft, photos: int) -> Draft:
    """Rounds weights for the least error of their layer's output."""
    plan = draft.plan
    constants = draft.rounder(photos)(plan.constants, plan.activations)
    if draft.config.bias_correction:
        constants = correct(draft.model, constants, draft.observations)
    return draft.with_plan(replace(plan, constants=constants))


def _measure_biases(draft: Draft) -> Draft:
    """Takes the mean error that the int8 net shows on photos out of the biases."""
    photos = islice(draft.inputs(), _MEASURED)
    return draft.with_plan(correct_measured(draft.model, draft.plan, photos))


CORRECT_BIASES = Step("correct biases", "setting", _correct_biases)
EQUALIZE = Step("equalize channels", "repair", _equalize)
SCALE_SWISHES = Step("scale swishes", "repair", _scale_swishes, _WORTH_TIME_DB)
EQUALIZE_BY_NOISE = Step("equalize by predicted noise", "repair", _equalize_by_noise)
REUSE_DEAD_CHANNELS = Step("reuse dead channels", "repair", _reuse, least_gain_db=-_CHANCE_DB)
CENTER_CHANNELS = Step("centre channels", "repair", _center)
ROUND_WEIGHTS = Step(
    "round weights", "finish", lambda draft: _rounded(draft, _ROUNDED), least_gain_db=-_CHANCE_DB
)
ROUND_WEIGHTS_THOROUGHLY = Step(
    "round weights",
    "finish",
    lambda draft: _rounded(draft, _ROUNDED_THOROUGHLY),
    least_gain_db=-_CHANCE_DB,
)
MEASURE_BIASES = Step("correct biases by measuring", "finish", _measure_biases)
