"""Bias correction and equalization, measured by running the repaired nets."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from edgeconv.graph.fusion import written_output
from edgeconv.graph.view import name_of
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.recipes import Recipe, quantize
from edgeconv.quantize.recipe.step import Step
from edgeconv.quantize.recipe.steps import (
    CENTER_CHANNELS,
    CORRECT_BIASES,
    EQUALIZE,
    EQUALIZE_BY_NOISE,
)
from edgeconv.quantize.repair.channels import channel_groups
from edgeconv.quantize.repair.equalize import STRENGTH, equalize
from tests.quantize.nets import SHAPE, Mobile, conv, hub, photos, run_float, run_planned, sqnr_db


class Coarse(nn.Module):
    """A padded, strided convolution behind a ReLU, its weights much finer than its largest."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU())
        self.second = nn.Conv2d(16, 8, 3, stride=2, padding=1, groups=2)
        with torch.no_grad():
            self.first[0].bias += 1.0
            self.second.weight[:, 0, 0, 0] = 3.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))


def channel_shift(model: ir.Model, *, bias_correction: bool) -> np.ndarray:
    """Mean error of every output channel with integer weights and float activations."""
    inputs = photos(40)
    plan = build_plan(
        model, observe(model, inputs), PlanConfig("minmax", bias_correction=bias_correction)
    )
    error = run_planned(model, plan, inputs, activations=False) - run_float(model, inputs)
    return np.abs(error.mean(axis=(0, 2, 3)))


def test_bias_correction_removes_the_mean_error_of_integer_weights() -> None:
    model = hub(Coarse())
    before = channel_shift(model, bias_correction=False)
    after = channel_shift(model, bias_correction=True)
    assert after.max() < before.max() / 10


def uneven(module: Mobile, decades: float) -> Mobile:
    """Spreads the channels' scales over decades without changing the function (no clipping)."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for writer, reader in (
            (module.expand[0], module.depthwise[0]),
            (module.depthwise[0], module.project),
        ):
            channels = writer.weight.shape[0]
            factors = 10 ** (-decades * torch.rand(channels, generator=generator))
            writer.weight *= factors.reshape(-1, 1, 1, 1)
            writer.bias *= factors
            depthwise = reader.weight.shape[1] == 1
            reader.weight /= factors.reshape((-1, 1, 1, 1) if depthwise else (1, -1, 1, 1))
    return module


def test_scales_spread_over_two_decades_collapse_int8_and_equalization_recovers_it() -> None:
    fresh = photos(8, seed=9)
    model = hub(uneven(Mobile(), 2.0))
    reference = run_float(model, fresh)

    def accuracy_db(*steps: Step) -> float:
        done = quantize(model, lambda: photos(30), recipe=Recipe("", steps, 32, measured=False))
        return sqnr_db(reference, run_planned(done.model, done.plan, fresh))

    collapsed, recovered = accuracy_db(CORRECT_BIASES), accuracy_db(CORRECT_BIASES, EQUALIZE)
    even = hub(Mobile())
    plan = build_plan(even, observe(even, photos(30)), PlanConfig(bias_correction=True))
    undisturbed = sqnr_db(run_float(even, fresh), run_planned(even, plan, fresh))
    assert collapsed < undisturbed - 6
    assert recovered > undisturbed - 3


def test_equalization_keeps_the_function() -> None:
    model = hub(uneven(Mobile(), 1.5))
    repaired = equalize(model, observe(model, photos(20))).model
    reference = run_float(model, photos(20))
    error = np.abs(run_float(repaired, photos(20)) - reference).max()
    assert error <= 1e-5 * np.abs(reference).max()


@pytest.mark.parametrize("strength", [STRENGTH, None])
@pytest.mark.parametrize("photos_that_wake_it", [0, 1, 2])
def test_a_channel_that_hardly_any_photo_woke_is_not_clipped_on_another(
    photos_that_wake_it: int, strength: float | None
) -> None:
    module = Mobile()
    with torch.no_grad():
        for layer in (module.expand[0], module.depthwise[0]):
            layer.weight[:4] = layer.weight[:4].abs()
            layer.bias[:4] = -layer.weight[:4].sum(dim=(1, 2, 3)) * 2
    bright = [np.full(SHAPE, 6.0, np.float32), *photos(2)]
    seen = photos(24)
    for photo in seen[:photos_that_wake_it]:
        photo += 2.0
    model = hub(module)
    repaired = equalize(model, observe(model, seen), strength).model
    reference = run_float(model, bright)
    error = np.abs(run_float(repaired, bright) - reference).max()
    assert error <= 1e-5 * np.abs(reference).max()


def test_equalization_tells_what_it_multiplied_channels_by() -> None:
    model = hub(uneven(Mobile(), 1.5))
    seen = observe(model, photos(20))
    done = equalize(model, seen)
    after = observe(done.model, photos(20)).tensors
    assert len(done.factors) > 3
    for name, statistics in seen.tensors.items():
        k = np.array(done.factors.get(name, (1.0,)))
        np.testing.assert_allclose(
            after[name].channel_square, k**2 * statistics.channel_square, 1e-4
        )


def test_equalization_fills_the_tensors_a_depthwise_layer_reads() -> None:
    model = hub(uneven(Mobile(), 1.5))
    seen = observe(model, photos(20))
    repaired = observe(equalize(model, seen).model, photos(20))

    def fullness(maxima: np.ndarray) -> float:
        return float(np.median(maxima / maxima.max()))

    (depthwise,) = (n for n in model.graph if n.op_type == "Conv" and n.name == "depthwise.0")
    name = depthwise.inputs[0].name or ""
    assert fullness(repaired.tensors[name].channel_maximum) > 0.55
    assert fullness(seen.tensors[name].channel_maximum) < 0.5


def test_channels_that_relu6_clips_keep_their_scale() -> None:
    module = Mobile()
    with torch.no_grad():
        module.expand[0].bias[:4] += 20.0
    model = hub(module)
    seen = observe(model, photos(10))
    repaired = equalize(model, seen).model
    reference = run_float(model, photos(10))
    np.testing.assert_allclose(run_float(repaired, photos(10)), reference, atol=1e-5)


def test_inputs_outputs_and_what_nonlinear_operators_read_are_left_alone() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sigmoid(), nn.Conv2d(4, 5, 1))
    model = hub(module)
    assert channel_groups(model) == []
    repaired = equalize(model, observe(model, photos(3))).model
    for name, value in model.graph.initializers.items():
        assert value.const_value is not None
        changed = repaired.graph.initializers[name].const_value
        assert changed is not None
        np.testing.assert_array_equal(changed.numpy(), value.const_value.numpy())


def test_a_residual_block_is_one_group() -> None:
    groups = channel_groups(hub(Mobile()))
    residual = max(groups, key=lambda group: len(group.tensors))
    assert len(residual.writers) == 2
    assert {layer.node.name for layer in residual.readers} >= {"expand.0", "head.0"}


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("shape", [SHAPE, (2, 3, 40, 48)])
def test_scaling_what_was_seen_shows_what_observing_anew_does(
    kept: bool, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kept:
        monkeypatch.setattr("edgeconv.quantize.observe.kept.MOST_BYTES", 0)
    model = hub(uneven(Mobile(), 1.5), shape)
    before = Draft(model, lambda: photos(11, shape), PlanConfig())
    scaled = EQUALIZE.apply(before).observations.tensors
    changed = EQUALIZE.apply(before).repairs.factors
    anew = observe(EQUALIZE.apply(before).model, photos(11, shape)).tensors
    assert {seen.kept is not None for seen in scaled.values()} == {kept}
    assert len(changed) > 3
    for name, seen in scaled.items():
        for figure in ("channel_minimum", "channel_maximum", "channel_square", "reach_mean"):
            found, wanted = getattr(seen, figure), getattr(anew[name], figure)
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
        found, wanted = seen.histogram, anew[name].histogram
        assert (found.total, found.pitch) == (wanted.total, wanted.pitch)
        apart = np.abs(np.cumsum(found.counts) - np.cumsum(wanted.counts)).max()
        assert apart <= 2 + 1e-3 * wanted.total  # values at the edges of bins


@pytest.mark.parametrize("step", [EQUALIZE, EQUALIZE_BY_NOISE, CENTER_CHANNELS])
def test_observing_only_what_a_repair_changed_shows_what_observing_all_does(step: Step) -> None:
    torch.manual_seed(0)
    ends = conv(3, 8), nn.Conv2d(8, 8, 1), conv(8, 8, 1), nn.Conv2d(8, 4, 1)
    model = hub(uneven(Mobile(), 1.5) if step is not CENTER_CHANNELS else nn.Sequential(*ends))
    before = Draft(model, lambda: photos(20), PlanConfig(bias_correction=True))
    partly = step.apply(before)
    assert partly is not before
    wholly = Draft(partly.model, before.inputs, before.config)
    assert list(partly.observations.tensors) == list(wholly.observations.tensors)
    assert partly.observations.inputs == 20
    for name, params in wholly.plan.activations.items():
        found = partly.plan.activations[name]
        np.testing.assert_allclose(found.scale, params.scale, 1e-5)
        assert abs(int(found.zero_point) - int(params.zero_point)) <= 1
    for name, constant in wholly.plan.constants.items():
        other = partly.plan.constants[name]
        np.testing.assert_allclose(
            other.values * other.params.scale.max(),
            constant.values * constant.params.scale.max(),
            atol=float(constant.params.scale.max()) * 1.01,
            rtol=1e-5,
        )


def test_the_recipe_leaves_the_callers_graph_alone() -> None:
    model = hub(Mobile())
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    done = quantize(model, lambda: photos(5))
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before
    assert open_graph(done.model, list(done.model.graph.outputs)) is not None


class Gate(nn.Module):
    """Squeeze-and-excitation whose first unit hardly any photo wakes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.squeeze, self.excite = nn.Conv2d(8, 6, 1), nn.Conv2d(6, 8, 1)
        self.classifier = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        return self.classifier((x * gate).mean((2, 3)))


def tinted(count: int, seed: int) -> list[np.ndarray]:
    """Photos whose colours differ from one to the next, so that their means do."""
    generator = np.random.default_rng(seed)
    tints = generator.standard_normal((count, 1, 3, 1, 1)).astype(np.float32)
    return [photo + tint for photo, tint in zip(photos(count, seed=seed), tints, strict=True)]


@pytest.mark.parametrize("strength", [None, 0.4])
def test_a_unit_that_no_photo_woke_yet_is_not_scaled_without_end(strength: float | None) -> None:
    module = Gate().eval()
    with torch.no_grad():
        many = torch.from_numpy(np.concatenate(tinted(400, 1)))
        units = module.squeeze(module.stem(many).mean((2, 3), keepdim=True))[:, :, 0, 0]
        module.squeeze.bias -= units.mean(0)
        module.squeeze.bias[0] -= 2.2 * units[:, 0].std()  # one photo in seventy wakes it
    model = hub(module)
    (squeeze,) = (node for node in model.graph if node.name == "squeeze")
    name = name_of(written_output(squeeze))
    seen = observe(model, tinted(12, 0))
    assert seen.tensors[name].channel_maximum[0] == 0
    woken = observe(equalize(model, seen, strength).model, tinted(400, 1)).tensors[name]
    assert 0 < woken.channel_maximum[0] < 1.5 * woken.channel_maximum[1:].max()
