"""The step that puts provably dead channels to use."""

from __future__ import annotations

from edgeconv.quantize.bounds import input_bounds
from edgeconv.quantize.draft import Draft
from edgeconv.quantize.repairs import Repairs
from edgeconv.quantize.reuse import reuse_dead_channels
from edgeconv.quantize.steps.step import Step


def _apply(draft: Draft) -> Draft:
    low, high = draft.ends.low, draft.ends.high
    if low is None or high is None:
        return draft
    bounds = input_bounds(low, high)
    found = reuse_dead_channels(draft.model, draft.plan, bounds, draft.inputs())
    if not found.copies:
        return draft
    return draft.with_model(found.model, Repairs(copies=found.copies))


#: How far below no gain the judge's few photos may find a step that arithmetic shows to gain.
_CHANCE_DB = 0.3

REUSE_DEAD_CHANNELS = Step("reuse dead channels", "repair", _apply, least_gain_db=-_CHANCE_DB)
