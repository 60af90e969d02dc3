"""The step that gives a classifier's logits finer steps where decisions fall.

Rounding logits to 255 steps makes ties: two classes a margin m apart fall on the same integer with
probability 1 - m / step, and then the wrong one wins half of the time. Steps get finer where the
range ends earlier, and both of its ends hold little that decides:

    low     the lowest logits never win
    high    a logit above everything its rivals ever reach wins whether it is clipped or not

So the range is chosen that loses the fewest decisions, as long as the logits' signal-to-noise
ratio on the photos stays within MOST_LOSS_DB of the best:

    risk = mean over photos of 1/2 max(0, 1 - margin / step), or 1/2 where the runner-up is clipped

For one output of rank 2 with at least 3 columns, and none that a sigmoid or softmax writes. Where
the exact size of every number matters (regression, features), leave this step out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.fusion import is_absorbed
from edgeconv.graph.view import name_of, shape_of
from edgeconv.quantize.affine import STEPS, activation_params, dequantize, quantize
from edgeconv.quantize.draft import Draft
from edgeconv.quantize.fake import fake_quantized
from edgeconv.quantize.judge import run, sqnr_db
from edgeconv.quantize.plan import Plan
from edgeconv.quantize.planner import PRESCRIBED
from edgeconv.quantize.ranges import Range
from edgeconv.quantize.shared import PASSING
from edgeconv.quantize.steps.step import OUTPUT_STEP, Step
from edgeconv.quantize.targets import targets

#: Photos whose logits are looked at.
PHOTOS = 48
#: What the signal-to-noise ratio may lose, in dB.
MOST_LOSS_DB = 0.3
#: A runner-up of an unseen photo may exceed those seen by this factor.
HEADROOM = 1.1
#: Parts of the whole range at which it may end, on either side.
ENDS = np.linspace(1.0, 0.3, 15)


@dataclass(frozen=True, eq=False)
class Logits:
    """Of the photos looked at, (photos, classes): the float net's, and the plan's unrounded."""

    real: NDArray[np.float32]
    planned: NDArray[np.float32]


def _apply(draft: Draft) -> Draft:
    chain = _chain(draft.model)
    if not chain:
        return draft
    photos = list(islice(draft.inputs(), PHOTOS))
    exact = {k: v for k, v in draft.plan.activations.items() if k not in chain}
    unrounded = Plan(exact, draft.plan.constants, draft.plan.requantize)
    (real,) = run(draft.model, photos)
    (planned,) = run(fake_quantized(draft.model, unrounded), photos)
    chosen = activation_params(best_range(Logits(real, planned)))
    activations = {**draft.plan.activations, **dict.fromkeys(chain, chosen)}
    return draft.with_plan(replace(draft.plan, activations=activations))


def _chain(model: ir.Model) -> list[str]:
    """The logits and the tensors that only hand them on; empty where there are none to work on."""
    outputs = list(model.graph.outputs)
    shape = shape_of(outputs[0])
    if len(outputs) != 1 or len(shape) != 2 or shape[1] < 3:
        return []
    chain = list(_handed_on(outputs[0]))
    return chain if _is_free(model, chain[-1]) else []


def _is_free(model: ir.Model, name: str) -> bool:
    """Whether the operator that writes a tensor may write any scale."""
    found = next(target for target in targets(model) if target.name == name)
    if found.producer is None:
        return False
    return found.producer.op_type not in (*PRESCRIBED, *PASSING, "Concat")


def _handed_on(value: ir.Value) -> Iterator[str]:
    yield name_of(value)
    node = value.producer()
    if node is not None and node.op_type in PASSING and not is_absorbed(node):
        source = node.inputs[0]
        if source is not None and len(tuple(source.uses())) == 1:
            yield from _handed_on(source)


def best_range(logits: Logits) -> Range:
    """The range with the least risk among those that cost little of the signal."""
    low, high = min(float(logits.planned.min()), 0.0), max(float(logits.planned.max()), 0.0)
    tried = {(a * low, b * high) for a in ENDS for b in ENDS}
    found = {each: _sqnr_db(logits, each) for each in tried}
    enough = max(found.values()) - MOST_LOSS_DB
    return min((each for each in tried if found[each] >= enough), key=lambda r: _rank(logits, r))


def _rank(logits: Logits, interval: Range) -> tuple[float, float]:
    """Least risk first; of equal ones the widest."""
    low, high = interval
    return risk(logits.real, interval), low - high


def risk(real: NDArray[np.float32], interval: Range) -> float:
    """Share of decisions lost to the output's own rounding."""
    low, high = interval
    second, first = np.sort(real, axis=1)[:, -2:].T.astype(np.float64)
    step = (high - low) / STEPS
    tied = np.maximum(0.0, 1.0 - (first - second) / max(step, 1e-30))
    tied = np.where(second * HEADROOM >= high, 1.0, tied)
    return float(tied.mean() / 2)


def _sqnr_db(logits: Logits, interval: Range) -> float:
    chosen = activation_params(interval)
    return sqnr_db(logits.real, dequantize(quantize(logits.planned, chosen), chosen))


NARROW_OUTPUT = Step(OUTPUT_STEP, "finish", _apply, least_gain_db=-1.2 * MOST_LOSS_DB)
