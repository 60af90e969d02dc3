"""Whole plans, executed by onnxruntime as fake quantization."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from torch import nn

from edgeconv.errors import PlanRefused
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.plan.ranges import METHODS
from edgeconv.quantize.plan.rules import check_plan
from edgeconv.quantize.plan.summary import summarize
from tests.quantize.nets import Mobile, hub, photos, run_float, run_planned, sqnr_db


class Gate(nn.Module):
    """Squeeze-and-excitation with a constant operand: conv * sigmoid(conv) + constant."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.gate = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)
        self.register_buffer("shift", torch.linspace(-1, 2, 4).reshape(1, 4, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) * torch.sigmoid(self.gate(x)) + self.shift


@pytest.mark.parametrize("method", METHODS)
def test_a_planned_net_stays_close_to_float(method: str) -> None:
    model = hub(Mobile())
    seen = observe(model, photos(20))
    plan = build_plan(model, seen, PlanConfig(ranges=method))  # type: ignore[arg-type]
    check_plan(model, plan)
    fresh = photos(8, seed=5)
    assert sqnr_db(run_float(model, fresh), run_planned(model, plan, fresh)) > 20


def test_every_stored_tensor_is_planned_and_no_other() -> None:
    model = hub(Mobile())
    seen = observe(model, photos(2))
    plan = build_plan(model, seen)
    assert set(plan.activations) == set(seen.tensors)
    floats = {
        name for name, v in model.graph.initializers.items() if ".weight" in name or ".bias" in name
    }
    assert floats <= set(plan.constants)


def test_relu6_outputs_end_at_six_or_below() -> None:
    model = hub(Mobile())
    plan = build_plan(model, observe(model, [20 * one for one in photos(3)]), PlanConfig("minmax"))
    clamped = [n.outputs[0].name for n in model.graph if n.op_type == "Clip"]
    assert clamped
    for name in clamped:
        params = plan.activations[name or ""]
        assert int(params.zero_point) == -128
        assert float(params.scale) * 255 <= 6.0


def test_a_sigmoid_has_the_prescribed_scale() -> None:
    model = hub(Gate())
    plan = build_plan(model, observe(model, photos(3)))
    check_plan(model, plan)
    (name,) = (n.outputs[0].name for n in model.graph if n.op_type == "Sigmoid")
    params = plan.activations[name or ""]
    assert (float(params.scale), int(params.zero_point)) == (1 / 256, -128)


def test_a_constant_operand_is_quantized_over_its_own_range() -> None:
    module = Gate()
    model = hub(module)
    plan = build_plan(model, observe(model, photos(3)))
    (name,) = (
        value.name
        for node in model.graph
        if node.op_type == "Add"
        for value in node.inputs
        if value is not None and value.const_value is not None
    )
    found = plan.constants[name or ""]
    assert (found.params.dtype, found.params.axis) == ("int8", None)
    real = found.params.scale * (found.values.astype(int) - found.params.zero_point)
    np.testing.assert_allclose(
        real, module.shift.numpy(), atol=float(found.params.scale) / 2 + 1e-6
    )


def test_raw_pixels_have_scale_one() -> None:
    model = hub(Mobile())
    model.graph.inputs[0].name = "pixels"
    pixels = [np.random.default_rng(0).integers(0, 256, (1, 3, 12, 12)).astype(np.float32)]
    plan = build_plan(model, observe(model, pixels))
    params = plan.activations["pixels"]
    assert (float(params.scale), int(params.zero_point)) == (1.0, -128)


def test_two_plans_of_the_same_photos_are_the_same() -> None:
    model = hub(Mobile())
    one, other = (build_plan(model, observe(model, photos(5))) for _ in range(2))
    assert {n: p.key for n, p in one.activations.items()} == {
        n: p.key for n, p in other.activations.items()
    }
    for name, constant in one.constants.items():
        np.testing.assert_array_equal(constant.values, other.constants[name].values)


def test_observations_of_another_graph_are_refused() -> None:
    model = hub(Mobile())
    seen = observe(model, photos(1))
    partial = dataclasses.replace(seen, tensors={"input": seen.tensors["input"]})
    with pytest.raises(PlanRefused, match="calibration saw nothing of tensor"):
        build_plan(model, partial)


def test_a_summary_is_json_and_names_every_tensor() -> None:
    model = hub(Mobile())
    plan = build_plan(model, observe(model, photos(2)))
    told = json.loads(json.dumps(summarize(plan)))
    assert set(told["activations"]) == set(plan.activations)
    stem = told["activations"]["input"]
    assert stem["high"] == pytest.approx(stem["scale"] * (127 - stem["zero_point"]))
