"""The steps that round weights for the least error of their layer's output."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.quantize.plan.bias import correct
from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.steps.step import Step


def _rounding(photos: int) -> Step:
    def apply(draft: Draft) -> Draft:
        plan = draft.plan
        constants = draft.rounder(photos)(plan.constants, plan.activations)
        if draft.config.bias_correction:
            constants = correct(draft.model, constants, draft.observations)
        return draft.with_plan(replace(plan, constants=constants))

    return Step("round weights", "finish", apply)


#: From a few photos, and from many.
ROUND_WEIGHTS = _rounding(24)
ROUND_WEIGHTS_THOROUGHLY = _rounding(96)
