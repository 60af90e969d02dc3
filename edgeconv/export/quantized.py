"""The int8 side of an export."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from edgeconv.export.calibration import Calibration
from edgeconv.quantize.mixed.choice import Mixed
from edgeconv.quantize.plan.apart import Apart, keep_apart
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.recipe.recipes import Quantized


@dataclass(frozen=True, eq=False)
class QuantizedNet:
    """A net that was calibrated.

    Attributes:
        whole: what the recipe made of its graph, everything in int8.
        calibration: the photos.
        mixed: what was left in float of it, None where that was not asked for.
    """

    whole: Quantized
    calibration: Calibration
    mixed: Mixed | None

    @property
    def plan(self) -> Plan:
        """The plan of the int8 files."""
        return self.whole.plan if self.mixed is None else self.mixed.plan

    @cached_property
    def apart(self) -> Apart:
        """What the plan keeps in float so that no part of an output is lost."""
        return keep_apart(self.whole.model, self.whole.observations.tensors)
