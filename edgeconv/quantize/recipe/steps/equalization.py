"""The steps that equalize channels across layers."""

from __future__ import annotations

from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.steps.step import Step
from edgeconv.quantize.repair.equalize import STRENGTH, equalize


def _evenly(draft: Draft) -> Draft:
    return draft.with_model(equalize(draft.model, draft.observations, STRENGTH))


def _by_noise(draft: Draft) -> Draft:
    return draft.with_model(equalize(draft.model, draft.observations))


#: By a fixed strength, which helps nearly every net: the one that may be taken unjudged.
EQUALIZE = Step("equalize channels", "repair", _evenly)
#: By what noise it foretells; gains more on some nets, loses on others.
EQUALIZE_BY_NOISE = Step("equalize by predicted noise", "repair", _by_noise)
