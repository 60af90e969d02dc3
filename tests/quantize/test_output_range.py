"""The logits' range: fewer ties at the top, at little cost, and only where there are logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from edgeconv.quantize.affine import activation_params, covered, dequantize, quantize
from edgeconv.quantize.draft import Draft
from edgeconv.quantize.planner import PlanConfig
from edgeconv.quantize.rules import check_plan
from edgeconv.quantize.steps.output_range import NARROW_OUTPUT, Logits, best_range, risk
from tests.quantize.nets import Mobile, hub, photos


def logits(count: int, seed: int) -> NDArray[np.float32]:
    """Like a classifier's: a wide crowd, a few close rivals at the top, one photo far out."""
    generator = np.random.default_rng(seed)
    made = generator.standard_normal((count, 200)) * 3
    made[:, :2] += 14 + generator.standard_normal((count, 2))
    made[0] *= 3
    return made.astype(np.float32)


def rounded(values: NDArray[np.float32], interval: tuple[float, float]) -> NDArray[np.float32]:
    params = activation_params(interval)
    return dequantize(quantize(values, params), params)


def ties(values: NDArray[np.float32]) -> float:
    first, second = np.sort(values, axis=1)[:, -1], np.sort(values, axis=1)[:, -2]
    return float((first == second).mean())


def test_fresh_photos_tie_less_often_on_the_chosen_range() -> None:
    seen, fresh = logits(64, 0), logits(2000, 1)
    whole = (float(seen.min()), float(seen.max()))
    chosen = best_range(Logits(seen, seen))
    assert chosen[1] - chosen[0] < 0.7 * (whole[1] - whole[0])
    assert ties(rounded(fresh, chosen)) < 0.75 * ties(rounded(fresh, whole))
    kept = [(rounded(fresh, r).argmax(1) == fresh.argmax(1)).mean() for r in (whole, chosen)]
    assert kept[1] >= kept[0]


def test_the_risk_is_the_share_of_decisions_that_rounding_turns() -> None:
    generator = np.random.default_rng(2)
    real = generator.uniform(0, 3, (40_000, 3)).astype(np.float32)
    interval = (0.0, 60.0)
    lost = (rounded(real, interval).argmax(1) != real.argmax(1)).mean()
    assert risk(real, interval) == pytest.approx(lost, rel=0.1)


def test_a_runner_up_that_would_be_clipped_counts_as_lost() -> None:
    real = np.tile(np.array([0.0, 30.0, 40.0], np.float32), (10, 1))
    assert risk(real, (0.0, 40.0)) == 0.0
    assert risk(real, (0.0, 25.0)) == 0.5


def test_the_plan_obeys_the_rules_and_nothing_but_the_logits_changes() -> None:
    model = hub(Mobile())
    draft = Draft(model, lambda: photos(24), PlanConfig())
    finished = NARROW_OUTPUT.apply(draft)
    check_plan(model, finished.plan)
    name = model.graph.outputs[0].name
    for tensor, params in draft.plan.activations.items():
        assert tensor == name or finished.plan.activations[tensor].key == params.key
    before, after = (covered(d.plan.activations[str(name)]) for d in (draft, finished))
    assert after[1] - after[0] <= before[1] - before[0] + 1e-6


@pytest.mark.parametrize("end", [nn.Sigmoid(), nn.Softmax(1), nn.Unflatten(1, (2, 5))])
def test_outputs_that_are_no_logits_are_left_alone(end: nn.Module) -> None:
    draft = Draft(hub(nn.Sequential(Mobile(), end)), lambda: photos(4), PlanConfig())
    assert NARROW_OUTPUT.apply(draft) is draft


def test_two_columns_are_left_alone() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(Mobile(), nn.Linear(10, 2))
    draft = Draft(hub(module), lambda: photos(4), PlanConfig())
    assert NARROW_OUTPUT.apply(draft) is draft
