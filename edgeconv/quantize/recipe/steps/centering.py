"""The step that shifts linear channels until they share the middle of their tensor's range."""

from __future__ import annotations

from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.steps.step import Step
from edgeconv.quantize.repair.center import center_channels
from edgeconv.quantize.repair.repairs import Repairs


def _apply(draft: Draft) -> Draft:
    centred = center_channels(draft.model, draft.observations)
    if not centred.offsets:
        return draft
    return draft.with_model(centred.model, Repairs(offsets=centred.offsets))


CENTER_CHANNELS = Step("centre channels", "repair", _apply)
