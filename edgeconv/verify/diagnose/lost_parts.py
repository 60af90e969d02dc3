"""Parts of an output whose steps the file's one scale for all of it has lost."""

from __future__ import annotations

from collections.abc import Iterator

from edgeconv.quantize.plan.apart import keep_apart
from edgeconv.quantize.plan.ranges import LEVELS
from edgeconv.verify.diagnose.diagnosis import Finding
from edgeconv.verify.diagnose.int8_file import Int8File, Measured
from edgeconv.verify.thresholds import DIAGNOSIS


def lost_part_findings(file: Int8File, measured: Measured) -> Iterator[Finding]:
    """A finding for each part, on the photos that were run."""
    for grid in keep_apart(file.model, measured.statistics).grids:
        held = file.plan.activations.get(grid.output)
        step = 0.0 if held is None else float(held.scale)
        levels = int(LEVELS * grid.step / step) + 1 if step else LEVELS + 1
        if levels <= DIAGNOSIS.part_levels:
            yield Finding(
                grid.output,
                file.artifact,
                "output",
                f"its one scale leaves {grid.part} {levels} of {LEVELS + 1} levels: a step of "
                f"{step:.3g}, where {grid.part} alone would have one of {grid.step:.3g}",
                "export again with --split-outputs, or give the parts as outputs of their own",
            )
