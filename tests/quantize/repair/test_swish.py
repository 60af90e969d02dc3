"""Swishes scaled channel by channel: the same function, and more of the grid for quiet channels."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from edgeconv.errors import BundleRefused
from edgeconv.graph.view import constant_of, name_of, shape_of
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.affine import dequantize
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.steps import AFFORDABLE, SCALE_SWISHES
from edgeconv.quantize.repair.divide import divisible_of
from edgeconv.quantize.repair.equalize import equalize, scale_swishes
from edgeconv.quantize.repair.swish import swishes, with_own_arguments
from edgeconv.quantize.repair.swish_choice import DIVIDED, worthwhile_swishes
from tests.quantize.nets import Mobile, hub, photos, run_float, run_planned, sqnr_db

ACTIVATIONS = {"swish": nn.SiLU, "hard-swish": nn.Hardswish}


class Gated(nn.Module):
    """EfficientNet in small: a stem, an inverted residual with squeeze-and-excitation, a head."""

    def __init__(self, seed: int, activation: type[nn.Module] = nn.SiLU) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.act = activation()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.expand = nn.Conv2d(8, 16, 1)
        self.apart = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.squeeze, self.excite = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.project = nn.Conv2d(16, 8, 1)
        self.head, self.classifier = nn.Conv2d(8, 24, 1), nn.Linear(24, 10)
        with torch.no_grad():
            for layer in (self.stem, self.expand, self.apart, self.head):
                scales = 8 * 10 ** (-1.5 * torch.rand(layer.out_channels))
                layer.weight *= scales.reshape(-1, 1, 1, 1)
                layer.bias *= scales

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.stem(x))
        y = self.act(self.apart(self.act(self.expand(x))))
        gate = torch.sigmoid(self.excite(self.act(self.squeeze(y.mean((2, 3), keepdim=True)))))
        x = x + self.project(y * gate)
        return self.classifier(self.act(self.head(x)).mean((2, 3)))


def factors_of(model: ir.Model) -> dict[str, np.ndarray]:
    """What the arguments of a graph's swishes are multiplied by."""
    found = {}
    for node in model.graph:
        factor = constant_of(node.inputs[1]) if node.op_type == "Mul" else None
        if factor is not None:
            found[name_of(node.inputs[1])] = factor
    return found


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("seed", range(6))
def test_scaled_swishes_compute_the_same(seed: int, activation: str) -> None:
    model = hub(Gated(seed, ACTIVATIONS[activation]))
    found = list(swishes(model))
    assert len(found) == 5
    repaired = scale_swishes(model, observe(model, photos(8)), found).model
    held = factors_of(repaired)
    assert sum(factor.min() < 0.5 for factor in held.values()) >= 3
    fresh = photos(8, seed=1)
    assert sqnr_db(run_float(model, fresh), run_float(repaired, fresh)) > 110
    again = equalize(repaired, observe(repaired, photos(8))).model
    assert sqnr_db(run_float(model, fresh), run_float(again, fresh)) > 110


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_int8_holds_the_factors_exactly(activation: str) -> None:
    model = hub(Gated(0, ACTIVATIONS[activation]))
    repaired = scale_swishes(model, observe(model, photos(8)), list(swishes(model))).model
    plan = build_plan(repaired, observe(repaired, photos(8)))
    for name, factor in factors_of(repaired).items():
        constant = plan.constants[name]
        np.testing.assert_allclose(dequantize(constant.values, constant.params), factor, 1e-6)


def test_channels_that_differ_in_range_lose_less() -> None:
    fresh, gains = photos(8, seed=1), []
    for seed in range(4):
        model = hub(Gated(seed))
        reference = run_float(model, fresh)

        def accuracy_db(graph: ir.Model, reference: np.ndarray = reference) -> float:
            plan = build_plan(graph, observe(graph, photos(30)), PlanConfig(bias_correction=True))
            return sqnr_db(reference, run_planned(graph, plan, fresh))

        seen = observe(model, photos(30))
        repaired = scale_swishes(model, seen, list(swishes(model))).model
        gains.append(accuracy_db(repaired) - accuracy_db(model))
    assert min(gains) > 0
    assert np.mean(gains) > 2


def test_what_channels_were_multiplied_by_is_told() -> None:
    model = hub(Gated(0))
    seen = observe(model, photos(12))
    done = scale_swishes(model, seen, list(swishes(model)))
    after = observe(done.model, photos(12)).tensors
    assert len(done.factors) >= 8
    for name, statistics in seen.tensors.items():
        k = np.array(done.factors.get(name, (1.0,)))
        np.testing.assert_allclose(
            after[name].channel_square, k**2 * statistics.channel_square, 1e-3, 1e-9
        )


def test_only_the_swishes_asked_for_get_an_argument() -> None:
    model = hub(Gated(0))
    first = next(swishes(model))
    repaired = with_own_arguments(model, [first])
    assert len(factors_of(repaired)) == 1
    assert first not in set(swishes(repaired))
    fresh = photos(4, seed=1)
    np.testing.assert_array_equal(run_float(repaired, fresh), run_float(model, fresh))


@pytest.mark.parametrize("name", ["nowhere", "logits"])
def test_what_is_no_swish_is_refused(name: str) -> None:
    with pytest.raises(BundleRefused, match="no swish"):
        with_own_arguments(hub(Gated(0)), [name])


def test_the_swishes_chosen_are_worth_their_time() -> None:
    module = Gated(0)
    with torch.no_grad():
        for layer, channel in ((module.expand, 3), (module.head, 5)):
            layer.weight[channel] *= 40
    model = hub(module)
    chosen = worthwhile_swishes(model, observe(model, photos(12)), AFFORDABLE)
    values = {v.name: v for node in model.graph for v in node.outputs}
    sizes = {name: np.prod(shape_of(values[name])) for name in swishes(model)}
    divided = divisible_of(model, sizes)
    costs = {name: size * (DIVIDED if name in divided else 1) for name, size in sizes.items()}
    assert 1 <= len(chosen) < len(sizes)
    most = max(AFFORDABLE * sum(sizes.values()), min(sizes.values()))
    assert sum(costs[name] for name in chosen) <= most


def test_nets_without_swishes_are_left_alone() -> None:
    model = hub(Mobile())
    assert worthwhile_swishes(model, observe(model, photos(4)), 1.0) == []
    draft = Draft(model, lambda: photos(4), PlanConfig())
    assert SCALE_SWISHES.apply(draft) is draft
