"""The step that takes the mean error of integer weights out of the biases."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.steps.step import Step


def _apply(draft: Draft) -> Draft:
    return draft.with_config(replace(draft.config, bias_correction=True))


CORRECT_BIASES = Step("correct biases", "setting", _apply)
