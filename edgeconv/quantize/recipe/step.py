"""What a recipe is made of: each step improves an int8 form under way, or turns out not to.

A step is one of three kinds, and they come in this order:

    repair    changes the float graph without changing its function, which is observed anew
    setting   changes how the plan is made of what was observed
    finish    changes the finished plan's integers; done again once the plan is of all photos
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgeconv.quantize.recipe.draft import Draft

Kind = Literal["repair", "setting", "finish"]

#: Gain from which on a step is kept.
LEAST_GAIN_DB = 0.05

#: Name of the step that chooses how activation ranges come from histograms.
RANGES_STEP = "choose ranges"


@dataclass(frozen=True)
class Step:
    """One improvement that a recipe may make.

    Attributes:
        name: short, as it is told to the user.
        kind: what it changes, see above.
        apply: gives the improved draft; must not change the one it is given.
        least_gain_db: gain of the outputs' signal-to-noise ratio, on photos held back, from which
            on it is kept, whichever one of those photos is left out.
    """

    name: str
    kind: Kind
    apply: Callable[[Draft], Draft]
    least_gain_db: float = LEAST_GAIN_DB


@dataclass(frozen=True)
class StepReport:
    """What a step did.

    Attributes:
        name: the step's.
        kept: whether the plan has it.
        sqnr_db: signal-to-noise ratio with the step on held-back photos; None where the recipe
            does not measure.
        gain_db: by how much that is more than without it.
        gain_error_db: standard error of the gain over those photos: how much other photos may move
            it; None where it was not measured, or on one photo.
        agreement: share of held-back photos whose top-1 is the float net's; None without logits.
        seconds: what the step and its measuring took.
    """

    name: str
    kept: bool
    sqnr_db: float | None
    gain_db: float | None
    gain_error_db: float | None
    agreement: float | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Everything but the time, so that the same inputs give the same document."""
        document = asdict(self)
        del document["seconds"]
        return document
