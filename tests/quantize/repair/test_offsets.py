"""High-bias absorption and centring: the same function, in less range."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from edgeconv.quantize.observe.observe import Observations, observe
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.repair.absorb import absorb_high_biases
from edgeconv.quantize.repair.center import center_channels
from tests.quantize.nets import Mobile, hub, photos, run_float, run_planned

Repair = Callable[[ir.Model, Observations], ir.Model]


class Biased(nn.Module):
    """Half of the first layer's channels never come near zero; the second reads without padding."""

    def __init__(
        self,
        clamp: nn.Module,
        *,
        lift: float = 3.0,
        padding: int = 0,
        pool: nn.Module | None = None,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3)
        self.clamp = clamp
        self.pool = pool or nn.Identity()
        self.second = nn.Conv2d(8, 6, 3, padding=padding, groups=2)
        with torch.no_grad():
            self.first.weight *= 0.3
            self.first.bias[::2] += lift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.pool(self.clamp(self.first(x))))


def maxima(model: ir.Model, op_type: str) -> np.ndarray:
    """Largest value of each channel behind the one node of that type."""
    (node,) = (node for node in model.graph if node.op_type == op_type)
    return observe(model, photos(20)).tensors[node.outputs[0].name or ""].channel_maximum


@pytest.mark.parametrize("clamp", [nn.ReLU(), nn.ReLU6()], ids=["relu", "relu6"])
@pytest.mark.parametrize(
    "pool", [None, nn.MaxPool2d(2, padding=1), nn.AvgPool2d(2)], ids=["none", "max", "average"]
)
def test_absorption_keeps_the_function_and_lowers_high_channels(
    clamp: nn.Module, pool: nn.Module | None
) -> None:
    model = hub(Biased(clamp, pool=pool))
    repaired = absorb_high_biases(model, observe(model, photos(20)))
    reference = run_float(model, photos(20))
    np.testing.assert_allclose(run_float(repaired, photos(20)), reference, atol=2e-5)
    op_type = "Relu" if isinstance(clamp, nn.ReLU) else "Clip"
    before, after = maxima(model, op_type), maxima(repaired, op_type)
    assert (after[::2] < before[::2] - 0.5).all()
    np.testing.assert_array_equal(after[1::2], before[1::2])


def noise(model: ir.Model) -> float:
    """Mean squared error of int8 on photos it was not planned with."""
    unseen = photos(20, seed=4)
    plan = build_plan(model, observe(model, photos(40)), PlanConfig(bias_correction=True))
    return float(((run_planned(model, plan, unseen) - run_float(model, unseen)) ** 2).mean())


def test_absorption_makes_int8_more_accurate() -> None:
    model = hub(Biased(nn.ReLU(), lift=10.0))
    assert noise(absorb_high_biases(model, observe(model, photos(40)))) < 0.95 * noise(model)


def test_channels_that_relu6_clipped_are_not_absorbed() -> None:
    module = Biased(nn.ReLU6())
    with torch.no_grad():
        module.first.bias[0] += 4.0
    model = hub(module)
    seen = observe(model, photos(20))
    repaired = absorb_high_biases(model, seen)
    reference = run_float(model, photos(20))
    np.testing.assert_allclose(run_float(repaired, photos(20)), reference, atol=2e-5)
    assert maxima(model, "Clip")[0] == maxima(repaired, "Clip")[0] == 6.0


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


class ClampedSum(nn.Module):
    """A residual block's end: two layers write what the clamp reads."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.other = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 8, 1)
        self.second = nn.Conv2d(8, 6, 1)
        with torch.no_grad():
            self.one.bias += 9.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.one(x) + self.other(x)))


def unchanged(model: ir.Model, repaired: ir.Model) -> bool:
    one, other = (ir.to_proto(m).SerializeToString(deterministic=True) for m in (model, repaired))
    return one == other


@pytest.mark.parametrize(
    ("module", "repair"),
    [
        (Biased(nn.ReLU(), padding=1), absorb_high_biases),
        (Biased(nn.ReLU(), pool=nn.AvgPool2d(2, padding=1)), absorb_high_biases),
        (Biased(nn.Sigmoid()), absorb_high_biases),
        (ClampedSum(), absorb_high_biases),
        (Bottlenecks(padding=1), centred),
        (Biased(nn.ReLU()), centred),
    ],
    ids=["padded", "padded average", "sigmoid", "residual sum", "padded linear", "clamped"],
)
def test_offsets_stay_where_moving_them_would_not_be_exact(
    module: nn.Module, repair: Repair
) -> None:
    model = hub(module)
    repaired = repair(model, observe(model, photos(10)))
    reference = run_float(model, photos(10, seed=3))
    np.testing.assert_allclose(run_float(repaired, photos(10, seed=3)), reference, atol=2e-5)
    assert unchanged(model, repaired)


@pytest.mark.parametrize("repair", [absorb_high_biases, centred])
def test_the_callers_graph_is_left_alone_and_the_result_repeats(repair: Repair) -> None:
    model = hub(Mobile())
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    seen = observe(model, photos(10))
    one, other = (
        ir.to_proto(repair(model, seen)).SerializeToString(deterministic=True) for _ in range(2)
    )
    assert one == other
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before
