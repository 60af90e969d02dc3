"""Centring: the same function, in less range."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from edgeconv.quantize.observe.observations import Observations, observe
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.repair.center import center_channels
from tests.quantize.nets import Mobile, hub, photos, run_float, run_planned


class Clamped(nn.Module):
    """A clamp between two layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


def noise(model: ir.Model) -> float:
    """Mean squared error of int8 on photos it was not planned with."""
    unseen = photos(20, seed=4)
    plan = build_plan(model, observe(model, photos(40)), PlanConfig(bias_correction=True))
    return float(((run_planned(model, plan, unseen) - run_float(model, unseen)) ** 2).mean())


def centred(model: ir.Model, seen: Observations) -> ir.Model:
    return center_channels(model, seen).model


class Bottlenecks(nn.Module):
    """A residual stream of linear tensors whose channels are skewed, half up and half down."""

    def __init__(self, *, padding: int = 0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU())
        self.enter = nn.Conv2d(16, 8, 1)
        self.expand = nn.Conv2d(8, 16, 1)
        self.project = nn.Conv2d(16, 8, 1)
        self.head = nn.Conv2d(8, 12, 1, padding=padding)
        with torch.no_grad():
            for layer in (self.enter, self.project):
                sign = torch.tensor([1.0, -1.0] * 4).reshape(-1, 1, 1, 1)
                layer.weight.copy_(layer.weight.abs() * sign)
                layer.bias += 2.0 * sign.reshape(-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.enter(self.stem(x))
        x = x + self.project(torch.relu(self.expand(x)))
        return self.head(x)


def test_centring_keeps_the_function_and_narrows_linear_tensors() -> None:
    model = hub(Bottlenecks())
    seen = observe(model, photos(20))
    found = center_channels(model, seen)
    repaired = found.model
    reference = run_float(model, photos(20, seed=8))
    np.testing.assert_allclose(run_float(repaired, photos(20, seed=8)), reference, atol=2e-5)
    after = observe(repaired, photos(20))
    (stream,) = (node.outputs[0].name or "" for node in model.graph if node.op_type == "Add")
    before, now = (o.tensors[stream].maximum - o.tensors[stream].minimum for o in (seen, after))
    assert now < 0.8 * before
    for name, offsets in found.offsets.items():
        lost = seen.tensors[name].channel_mean - after.tensors[name].channel_mean
        np.testing.assert_allclose(lost, offsets, atol=1e-5)
    assert stream in found.offsets


def test_centring_makes_int8_more_accurate() -> None:
    model = hub(Bottlenecks())
    assert noise(centred(model, observe(model, photos(40)))) < 0.85 * noise(model)


def unchanged(model: ir.Model, repaired: ir.Model) -> bool:
    one, other = (ir.to_proto(m).SerializeToString(deterministic=True) for m in (model, repaired))
    return one == other


@pytest.mark.parametrize(
    "module", [Bottlenecks(padding=1), Clamped()], ids=["padded linear", "clamped"]
)
def test_offsets_stay_where_moving_them_would_not_be_exact(module: nn.Module) -> None:
    model = hub(module)
    repaired = centred(model, observe(model, photos(10)))
    assert unchanged(model, repaired)


def test_the_callers_graph_is_left_alone_and_the_result_repeats() -> None:
    model = hub(Mobile())
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    seen = observe(model, photos(10))
    one, other = (
        ir.to_proto(centred(model, seen)).SerializeToString(deterministic=True) for _ in range(2)
    )
    assert one == other
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before
