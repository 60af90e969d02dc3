"""The step that takes the mean error the int8 net shows on photos out of the biases."""

from __future__ import annotations

from itertools import islice

from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.steps.step import Step
from edgeconv.quantize.refine.bias_measured import correct_measured

#: Photos whose errors are averaged.
PHOTOS = 32


def _apply(draft: Draft) -> Draft:
    photos = islice(draft.inputs(), PHOTOS)
    return draft.with_plan(correct_measured(draft.model, draft.plan, photos))


MEASURE_BIASES = Step("correct biases by measuring", "finish", _apply)
