"""The step that shifts linear channels until they share the middle of their tensor's range."""

from __future__ import annotations

from edgeconv.quantize.center import center_channels
from edgeconv.quantize.draft import Draft
from edgeconv.quantize.repairs import Repairs
from edgeconv.quantize.steps.step import Step


def _apply(draft: Draft) -> Draft:
    centred = center_channels(draft.model, draft.observations)
    if not centred.offsets:
        return draft
    return draft.with_model(centred.model, Repairs(offsets=centred.offsets))


CENTER_CHANNELS = Step("centre channels", "repair", _apply)
