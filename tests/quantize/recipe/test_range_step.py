"""Ranges chosen by what the readers make of them: outliers that a clamp behind them kills go."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from edgeconv.graph.view import input_of, name_of
from edgeconv.quantize.plan.affine import activation_params, covered, quantize
from edgeconv.quantize.plan.planner import PlanConfig
from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.stretch_ranges import CHOOSE_RANGES
from edgeconv.quantize.refine.reader_error import ReaderErrors
from tests.quantize.nets import hub, photos, run_float

SHAPE = (1, 3, 32, 32)


class Spiky(nn.Module):
    """A linear layer that a few pixels drive far out, and a reader that saturates on them or not.

    Cubing makes the spikes: most values stay small.
    """

    def __init__(self, clamp: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Conv2d(3, 6, 1)
        self.reader = nn.Conv2d(6, 6, 1)
        with torch.no_grad():
            self.reader.weight.copy_(torch.eye(6).reshape(6, 6, 1, 1))
        self.clamp = nn.ReLU6() if clamp else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.clamp(self.reader(self.linear(x * x * x))).mean((2, 3))


def draft(module: nn.Module) -> Draft:
    return Draft(hub(module, SHAPE), lambda: photos(12, SHAPE), PlanConfig(ranges="minmax"))


def linear_range(made: Draft) -> tuple[float, float]:
    (node,) = (n for n in made.model.graph if n.name == "linear")
    return covered(made.plan.activations[name_of(node.outputs[0])])


def test_spikes_that_a_clamp_behind_them_kills_are_clipped_and_others_are_kept() -> None:
    clamped, bare = draft(Spiky(clamp=True)), draft(Spiky(clamp=False))
    width = {
        kind: np.ptp(linear_range(CHOOSE_RANGES.apply(made))) / np.ptp(linear_range(made))
        for kind, made in (("clamped", clamped), ("bare", bare))
    }
    assert width["clamped"] < 0.65
    assert width["bare"] > width["clamped"]


def test_the_error_is_the_one_behind_the_clamp() -> None:
    made = draft(Spiky(clamp=True))
    (node,) = (n for n in made.model.graph if n.name == "linear")
    name = name_of(node.outputs[0])
    module = Spiky(clamp=True)
    inputs = photos(3, SHAPE)
    grid = activation_params((-3.0, 5.0))
    found = ReaderErrors(made.model, [name], inputs)([{name: grid}])[0][name]
    shares = []
    with torch.no_grad():
        for photo in inputs:
            linear = module.linear(torch.from_numpy(photo) ** 3)
            rounded = torch.fake_quantize_per_tensor_affine(
                linear, float(grid.scale), int(grid.zero_point), -128, 127
            )
            exact, other = (module.clamp(module.reader(x)) for x in (linear, rounded))
            shares.append(float(((exact - other) ** 2).sum() / (exact**2).sum()))
    np.testing.assert_allclose(found, np.mean(shares), rtol=1e-3)


class LongBelow(nn.Module):
    """A layer most of whose values lie below zero, and a swish that flattens them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Conv2d(3, 6, 1)
        self.act = nn.SiLU()
        self.reader = nn.Conv2d(6, 6, 1)
        with torch.no_grad():
            self.linear.bias -= 1.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.reader(self.act(8 * self.linear(x))).mean((2, 3))


def test_what_a_swish_flattens_is_clipped_at_the_low_end_alone() -> None:
    made = draft(LongBelow())
    changed = CHOOSE_RANGES.apply(made)
    (gate,) = (n for n in made.model.graph if n.op_type == "Sigmoid")
    name = name_of(input_of(gate))
    _, high = covered(made.plan.activations[name])
    new_low, new_high = covered(changed.plan.activations[name])
    assert new_low > 0.6 * made.observations.tensors[name].minimum
    assert new_high > 0.8 * high


def test_a_tensor_that_only_sigmoids_read_ends_where_they_saturate() -> None:
    module = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Sigmoid(), nn.Conv2d(6, 6, 1))
    with torch.no_grad():
        module[0].weight *= 30
    made = draft(module)
    (gate,) = (n for n in made.model.graph if n.op_type == "Sigmoid")
    low, high = covered(made.plan.activations[name_of(input_of(gate))])
    written = made.plan.activations[name_of(gate.outputs[0])]
    beyond = 1 / (1 + np.exp(-np.array([low, high, 4 * low, 4 * high])))
    integers = quantize(beyond, written)
    np.testing.assert_array_equal(integers[:2], integers[2:])
    assert high - low < 13


def test_ends_of_the_graph_keep_every_value() -> None:
    made = draft(Spiky(clamp=True))
    changed = CHOOSE_RANGES.apply(made)
    for value in (*made.model.graph.inputs, *made.model.graph.outputs):
        name = name_of(value)
        assert changed.plan.activations[name].key == made.plan.activations[name].key
    np.testing.assert_array_equal(
        run_float(changed.model, photos(2, SHAPE)), run_float(made.model, photos(2, SHAPE))
    )
