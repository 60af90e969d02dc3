"""Files of integers on photos of another kind than those a net was made for.

How far int8 is from float says something of the photos that the ranges were calibrated for: a net
that reads text clips what a cat makes of its activations, and is a right one. So an export judges
it on photos of the user's, which stay where they are, and the bundle keeps what each file gave for
the golden photos. A file must give that again, as near as kernels of other machines come to it:

    half as near as its two sets of kernels came to each other at the export
    or within a step of the output's own grid, as a root mean square

and one that missed its threshold at the export is no better for giving the same.

Float files, and int8 operators on identical integers, are judged on any photo as on any other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeconv.runtime.metrics import FloatArray, decibels, is_whole
from edgeconv.verify.parity import whole_numbers
from edgeconv.verify.parity.expected import Expected, Outputs, Run
from edgeconv.verify.parity.golden_runs import GoldenRuns, compare_all
from edgeconv.verify.parity.output_parts import worst_part
from edgeconv.verify.parity.stages import StageResult
from edgeconv.verify.thresholds import Threshold, Thresholds, loosest

#: Golden photos that a bundle keeps such outputs of, in whole batches: a wrong value shows on any.
KEPT_PHOTOS = 2
#: The side that counts as right, in a stage.
AT_EXPORT = "the same file at the export"
NOTE = "held against what it gave at the export, which photos of the user's own kind judged"
MISSED = "missed its threshold at the export, on photos of the user's own kind: export it again"
NOT_KEPT = "not run at the export, so that it cannot be held against that"


def stage(
    name: str, run: Run, runs: GoldenRuns, expected: Expected, thresholds: Thresholds
) -> StageResult:
    """A run held against what its file gave at the export; not judged where nothing is kept of it.

    Args:
        name: the stage's.
        run: one of `runs`.
        runs: on the photos of `expected`.
        expected: with its `as_exported`.
        thresholds: the constants of the verdict.
    """
    begun = StageResult(name, AT_EXPORT, name, seconds=runs.seconds[run])
    if run[0] in expected.missed:
        return replace(begun, passed=False, note=MISSED)
    kept = _kept(expected, run)
    if kept is None:
        return replace(begun, judged=False, note=NOT_KEPT)
    photos = min(len(kept[0]), len(runs.outputs(run)[0]))
    then, now = ([array[:photos] for array in each] for each in (kept, runs.outputs(run)))
    figures, bounds = compare_all(then, now), _bounds(run[0], expected, runs.steps(run), thresholds)
    limit = loosest(bounds)
    named = dict(zip(runs.names, then, strict=True))
    worst = worst_part(expected.parts, named, now, **limit.of_parts)
    met = all(map(Threshold.met_by, bounds, figures))
    return replace(
        begun,
        figures=figures,
        thresholds=bounds,
        passed=met and (worst is None or worst.passed),
        note=NOTE,
        outputs=runs.names,
        worst=worst,
    )


def _kept(expected: Expected, run: Run) -> Outputs | None:
    """What a file gave on these kernels; on the others, where the CPU had none such to trust."""
    artifact, kernels = run
    kept = expected.as_exported
    return kept.get(run) or kept.get((artifact, "reference" if kernels == "default" else "default"))


def _bounds(
    artifact: str, expected: Expected, steps: Sequence[float], thresholds: Thresholds
) -> tuple[Threshold, ...]:
    """The bound of each output, 0 dB at least; float16 files have theirs on any photo."""
    fast, slow = (expected.as_exported.get((artifact, k)) for k in ("default", "reference"))
    kept = fast or slow or []
    if artifact.startswith("float16"):
        return whole_numbers.of_rounded(
            expected, compare_all(kept, kept), thresholds.of_rounded(artifact)
        )
    near = [thresholds.int8_sqnr_db] * len(steps)
    if fast and slow:
        factor_db = 20 * math.log10(thresholds.pair_factor)
        floors = compare_all(fast, slow)
        near = [min(f.sqnr_db, thresholds.pair_ceiling_db) - factor_db for f in floors]
        whole = [whole_numbers.again(floor, floor.values) for floor in floors]
    else:
        whole = [whole_numbers.again(None, array.size) for array in kept]
    rows = zip(near, kept, steps, whole, strict=True)
    return tuple(
        share if is_whole(array) else Threshold("sqnr_db", max(0.0, min(db, _a_step(array, step))))
        for db, array, step, share in rows
    )


def _a_step(array: FloatArray, step: float) -> float:
    """The SQNR of an error of one step in each value; infinite without a grid."""
    return decibels(float(np.square(array.astype(np.float64)).sum()), array.size * step**2)
