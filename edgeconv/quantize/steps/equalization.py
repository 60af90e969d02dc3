"""The step that equalizes channels across layers."""

from __future__ import annotations

from edgeconv.quantize.draft import Draft
from edgeconv.quantize.equalize import equalize
from edgeconv.quantize.steps.step import Step


def _apply(draft: Draft) -> Draft:
    return draft.with_model(equalize(draft.model, draft.observations))


EQUALIZE = Step("equalize channels", "repair", _apply)
