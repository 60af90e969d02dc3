"""The step that moves high biases on to the layers that read them."""

from __future__ import annotations

from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.steps.step import Step
from edgeconv.quantize.repair.absorb import absorb_high_biases


def _apply(draft: Draft) -> Draft:
    return draft.with_model(absorb_high_biases(draft.model, draft.observations))


ABSORB_BIASES = Step("absorb high biases", "repair", _apply)
