"""Measured bias correction, judged by onnxruntime on the int8 ONNX file itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from edgeconv.errors import UsageError
from edgeconv.export.onnx.write import write
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.refine.bias_measured import correct_measured, reliable_mean
from tests.quantize.nets import hub, photos, run_float


class Drifting(nn.Module):
    """Its second tensor's range is cut short, so that its mean is off in int8, always one way."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(16, 16, 1), nn.ReLU())
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.first(x)).mean((2, 3)))


def clamped_plan(model: ir.Model) -> Plan:
    """A plan by percentile of a few photos: it clamps some of what unseen photos reach."""
    seen = observe(model, [0.5 * photo for photo in photos(20)])
    return build_plan(model, seen, PlanConfig("percentile", bias_correction=True))


def run_file(
    model: ir.Model, plan: Plan, inputs: list[NDArray[np.float32]], folder: Path
) -> NDArray[np.float32]:
    path = folder / "model.onnx"
    write(model, path, "int8", plan, io="float32")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options)
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: one})[0] for one in inputs])


def test_the_mean_error_of_the_logits_falls_on_unseen_photos(tmp_path: Path) -> None:
    model = hub(Drifting())
    before = clamped_plan(model)
    after = correct_measured(model, before, photos(40, seed=3))
    unseen = photos(60, seed=5)
    reference = run_float(model, unseen)

    def offset(plan: Plan) -> float:
        error = run_file(model, plan, unseen, tmp_path) - reference
        return float(np.abs(error.mean(axis=0)).mean())

    assert offset(after) < 0.4 * offset(before)


def test_a_layer_before_a_clamp_is_corrected_behind_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU())
    model = hub(module)
    before = clamped_plan(model)
    after = correct_measured(model, before, photos(40, seed=3))
    unseen = photos(60, seed=5)
    reference = run_float(model, unseen).mean(axis=(0, 2, 3))

    def offset(plan: Plan) -> float:
        found = run_file(model, plan, unseen, tmp_path).mean(axis=(0, 2, 3))
        return float(np.abs(found - reference).mean())

    assert offset(after) < 0.5 * offset(before)


def test_only_the_last_bias_changes_and_the_bytes_repeat() -> None:
    model = hub(Drifting())
    before = clamped_plan(model)
    one, other = (correct_measured(model, before, photos(10)) for _ in range(2))
    changed = [n for n, found in one.constants.items() if found is not before.constants[n]]
    assert len(changed) == 1
    assert all(one.constants[name].params is before.constants[name].params for name in changed)
    assert all(one.constants[name].params.dtype == "int32" for name in changed)
    for name, found in one.constants.items():
        np.testing.assert_array_equal(found.values, other.constants[name].values)


def test_one_wild_photo_moves_the_mean_little() -> None:
    generator = np.random.default_rng(0)
    samples = 1.0 + 0.01 * generator.standard_normal((24, 5))
    samples[7] = 1e6
    np.testing.assert_allclose(reliable_mean(samples), 1.0, atol=0.02)


def test_a_mean_within_its_uncertainty_is_no_mean() -> None:
    samples = np.random.default_rng(0).standard_normal((24, 200))
    assert (np.abs(reliable_mean(samples)) <= np.abs(samples.mean(axis=0)) + 0.5).all()
    assert (reliable_mean(samples) == 0).mean() > 0.5


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_photos_are_refused(count: int) -> None:
    model = hub(Drifting())
    with pytest.raises(UsageError, match="two photos or more, got"):
        correct_measured(model, clamped_plan(model), photos(count))
