"""The steps that take the int8 net's measured mean error out of the biases."""

from __future__ import annotations

from itertools import islice

from edgeconv.quantize.bias_measured import correct_measured
from edgeconv.quantize.draft import Draft
from edgeconv.quantize.steps.step import Step

#: Photos whose mean is taken.
PHOTOS = 32


def _measuring(blocks: int) -> Step:
    def apply(draft: Draft) -> Draft:
        photos = islice(draft.inputs(), PHOTOS)
        return draft.with_plan(correct_measured(draft.model, draft.plan, photos, blocks))

    return Step("measure biases", "finish", apply)


#: Before the outputs only, and at the end of each of four blocks. Must come after rounding.
MEASURE_BIASES = _measuring(1)
MEASURE_BIASES_THOROUGHLY = _measuring(4)
