"""Ranges end where nothing is lost beyond: a sigmoid that saturates, a swish that is zero."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgeconv.graph.view import input_of, name_of, require_constant
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.affine import covered, quantize
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.repair.equalize import scale_swishes
from edgeconv.quantize.repair.swish import swishes
from tests.quantize.nets import hub, photos


class Swish(nn.Module):
    """A layer two of whose channels are small and far below zero, and one large, before a swish."""

    def __init__(self, *, around: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1)
        self.around = around
        with torch.no_grad():
            self.first.weight *= torch.tensor([60.0, 2.0, 2.0, 6.0]).reshape(-1, 1, 1, 1)
            self.first.bias.copy_(torch.tensor([0.0, -16.0, -12.0, 0.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.last(F.silu(x) + x if self.around else F.silu(x))


def planned(model: ir.Model) -> Plan:
    return build_plan(model, observe(model, photos(8)), PlanConfig(ranges="minmax"))


def test_what_a_swish_reads_ends_where_its_sigmoid_is_the_integer_zero() -> None:
    model = hub(Swish())
    plan = planned(model)
    (gate,) = (node for node in model.graph if node.op_type == "Sigmoid")
    name = name_of(input_of(gate))
    low, high = covered(plan.activations[name])
    seen = observe(model, photos(8)).tensors[name]
    assert seen.minimum < 5 * low
    assert high == pytest.approx(seen.maximum, abs=float(plan.activations[name].scale))
    step = float(plan.activations[name].scale)
    beyond = 1 / (1 + np.exp(-np.array([low - step, 2 * low, seen.minimum])))
    assert set(quantize(beyond, plan.activations[name_of(gate.outputs[0])])) == {-128}
    assert 256 / (1 + np.exp(-low - step)) > 0.5


def test_a_scaled_swish_has_that_end_for_each_channel() -> None:
    model = hub(Swish())
    scaled = scale_swishes(model, observe(model, photos(8)), list(swishes(model))).model
    plan, seen = planned(scaled), observe(scaled, photos(8)).tensors
    (argument,) = (node for node in scaled.graph if node.name.endswith("/argument"))
    name, taken = name_of(input_of(argument)), require_constant(argument, 1).reshape(-1)
    low, _ = covered(plan.activations[name])
    reached = seen[name].channel_minimum
    assert low > 0.7 * reached.min()
    is_cut = reached < low
    given = 1 / (1 + np.exp(-low * taken[is_cut]))
    assert is_cut.any()
    assert given.max() * 256 < 0.5 * 1.1  # a step of the range's own grid


@pytest.mark.parametrize("around", [True, False])
def test_what_something_else_reads_too_keeps_its_low_end(around: bool) -> None:
    model = hub(Swish(around=around))
    (gate,) = (node for node in model.graph if node.op_type == "Sigmoid")
    name = name_of(input_of(gate))
    low, _ = covered(planned(model).activations[name])
    seen = observe(model, photos(8)).tensors[name].minimum
    assert (low < 0.9 * seen) is around


class OwnBeta(nn.Module):
    """x * sigmoid(beta * x), a beta for each channel, as learned swishes have."""

    def __init__(self, betas: list[float]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1)
        with torch.no_grad():
            self.first.weight *= 20
        self.register_buffer("beta", torch.tensor(betas).reshape(1, 4, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.last(x * torch.sigmoid(x * self.beta))


@pytest.mark.parametrize("betas", [[-2.0] * 4, [2.0, -2.0, 2.0, 2.0], [2.0, 0.0, 2.0, 2.0]])
def test_nothing_is_cut_off_where_a_sigmoid_does_not_rise(betas: list[float]) -> None:
    model = hub(OwnBeta(betas))
    (layer,) = (node for node in model.graph if node.name == "first")
    name = name_of(layer.outputs[0])
    seen = observe(model, photos(8)).tensors[name]
    low, _ = covered(planned(model).activations[name])
    falls = seen.channel_minimum[np.array(betas) <= 0].min()
    assert falls < -8
    assert low == pytest.approx(min(falls, -6.24 / 2), abs=0.2)
