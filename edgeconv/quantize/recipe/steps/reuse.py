"""The step that puts provably dead channels to use."""

from __future__ import annotations

from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.steps.step import Step
from edgeconv.quantize.repair.repairs import Repairs
from edgeconv.quantize.repair.reuse import reuse_dead_channels


def _apply(draft: Draft) -> Draft:
    source = draft.ends.source
    if source is None:
        return draft
    found = reuse_dead_channels(draft.model, draft.plan, source, draft.inputs(), draft.unrepaired)
    if not found.copies:
        return draft
    return draft.with_model(found.model, Repairs(copies=found.copies))


#: How far below no gain the judge's few photos may find a step that arithmetic shows to gain.
_CHANCE_DB = 0.3

REUSE_DEAD_CHANNELS = Step("reuse dead channels", "repair", _apply, least_gain_db=-_CHANCE_DB)
