"""Weight rounding against enumeration, against PyTorch on inputs it has not seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import onnx_ir as ir
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from edgeconv.errors import UsageError
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.affine import dequantize
from edgeconv.quantize.plan.columns import as_rows, as_weight, columns, multiplying_layers
from edgeconv.quantize.plan.parameters import Plan, QuantizedConstant
from edgeconv.quantize.plan.planner import build_plan
from edgeconv.quantize.plan.rules import check_plan
from edgeconv.quantize.refine import moments as moments_module
from edgeconv.quantize.refine import rounding as rounding_module
from edgeconv.quantize.refine.moments import Moments, second_moments
from edgeconv.quantize.refine.rounding import WeightRounder, damped, factored, form, solve
from tests.quantize.nets import Mobile, hub, photos, run_float, run_planned

Array = NDArray[np.float64]


def correlated(seed: int, width: int, samples: int = 200) -> Array:
    """Second moments (1, width, width) of a few positive sources mixed: strongly correlated."""
    generator = np.random.default_rng(seed)
    sources = generator.random((width // 2, samples))
    mixed = generator.standard_normal((width, width // 2)) @ sources
    mixed += 0.1 * generator.standard_normal((width, samples))
    result: Array = (mixed @ mixed.T / samples)[None]
    return result


def least_by_enumeration(wanted: Array, second: Array) -> float:
    """The least form over every way of rounding each of a row's weights up or down."""
    down = np.floor(wanted)
    steps = np.array(list(product((0.0, 1.0), repeat=len(wanted))))
    errors = down + steps - wanted
    return float((errors @ second * errors).sum(axis=1).min())


@pytest.mark.parametrize("seed", range(6))
def test_small_rows_come_close_to_the_best_of_all_roundings_up_and_down(seed: int) -> None:
    rows = np.random.default_rng(100 + seed).normal(scale=20.0, size=(1, 40, 8))
    second = correlated(seed, 8)
    found = solve(rows, np.ones((1, 40)), factored(second))
    reached = form(found - rows, second)[0]
    nearest = form(np.rint(rows) - rows, second)[0]
    best = np.array([least_by_enumeration(row, second[0]) for row in rows[0]])
    assert (reached <= nearest * (1 + 1e-9)).all()
    assert reached.sum() <= 1.35 * best.sum()
    assert nearest.sum() >= 2 * best.sum()


@pytest.mark.parametrize("width", [5, 150])
def test_the_factor_is_that_of_the_inverse_with_ones_on_its_diagonal(width: int) -> None:
    made = factored(second := damped(correlated(3, width, 4 * width)))
    order = made.order[0]
    upper = np.linalg.cholesky(np.linalg.inv(second[0][np.ix_(order, order)])).T
    np.testing.assert_allclose(made.factor[0], upper / np.diag(upper)[:, None], atol=1e-7)


def test_uncorrelated_columns_round_to_nearest() -> None:
    rows = np.random.default_rng(0).normal(scale=20.0, size=(3, 5, 16))
    second = np.eye(16)[None] * np.array([0.1, 1.0, 7.0])[:, None, None]
    np.testing.assert_array_equal(solve(rows, np.ones((3, 5)), factored(second)), np.rint(rows))


def test_integers_stay_within_127() -> None:
    rows = np.random.default_rng(0).normal(scale=200.0, size=(1, 20, 8))
    found = solve(rows, np.ones((1, 20)), factored(correlated(0, 8)))
    assert np.abs(found).max() == 127


def torch_error(
    module: nn.Conv2d | nn.Linear, weight: NDArray[np.float32], inputs: list[NDArray[np.float32]]
) -> float:
    """Variance of the error of a layer's output with another weight, over inputs; by PyTorch."""
    x = torch.from_numpy(np.concatenate(inputs))
    delta = torch.from_numpy(weight) - module.weight.detach()
    if isinstance(module, nn.Linear):
        error = functional.linear(x.flatten(1), delta)
    else:
        error = functional.conv2d(
            x, delta, None, module.stride, module.padding, module.dilation, module.groups
        )
        error = error.movedim(1, -1).flatten(0, -2)
    return float(error.var(dim=0).sum())


def smooth(
    count: int, channels: int, seed: int, size: int = 12, sources: int = 3
) -> list[NDArray[np.float32]]:
    """Positive inputs whose neighbours in space and channel are alike, as behind a ReLU."""
    noise = torch.randn((count, sources, size + 4, size + 4), generator=_seeded(seed))
    blurred = functional.avg_pool2d(noise, 5, stride=1)
    mixing = torch.randn((channels, sources, 1, 1), generator=_seeded(7))
    mixed = functional.relu(functional.conv2d(blurred, mixing) + 0.1)
    return [one[None] for one in mixed.numpy()]


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


LAYERS = {
    "3x3": lambda: nn.Conv2d(16, 12, 3, padding=1),
    "strided": lambda: nn.Conv2d(16, 12, 3, stride=2, padding=(0, 2)),
    "dilated": lambda: nn.Conv2d(16, 12, (1, 3), dilation=2, padding=1),
    "pointwise": lambda: nn.Conv2d(16, 12, 1),
    "depthwise": lambda: nn.Conv2d(16, 16, 3, padding=1, groups=16),
    "grouped": lambda: nn.Conv2d(16, 8, 3, groups=4),
}


def round_weights(
    model: ir.Model, plan: Plan, inputs: list[NDArray[np.float32]]
) -> dict[str, QuantizedConstant]:
    """The plan's constants with weights rounded from the inputs' moments."""
    rounder = WeightRounder(model, lambda names: second_moments(model, inputs, names))
    return rounder(plan.constants, plan.activations)


def rounded(
    module: nn.Module, inputs: list[NDArray[np.float32]]
) -> tuple[QuantizedConstant, QuantizedConstant]:
    """The one layer's weight as the plan has it and after rounding."""
    model = hub(module, inputs[0].shape)
    plan = build_plan(model, observe(model, inputs))
    (layer,) = multiplying_layers(model)
    after = round_weights(model, plan, inputs)
    name = layer.weight.name or ""
    return plan.constants[name], after[name]


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_errs_less_on_unseen_inputs_than_rounded_to_nearest(kind: str) -> None:
    torch.manual_seed(0)
    module = LAYERS[kind]()
    nearest, chosen = rounded(module, smooth(40, 16, seed=1))
    unseen = smooth(20, 16, seed=2)
    before, after = (
        torch_error(module, dequantize(c.values, c.params), unseen) for c in (nearest, chosen)
    )
    assert chosen.values.dtype == np.int8
    assert after < 0.7 * before


def test_a_fully_connected_layer_errs_less_on_unseen_inputs() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(16 * 4, 10)
    calibration, unseen = (smooth(n, 16, seed, size=2) for n, seed in ((400, 1), (100, 2)))
    nearest, chosen = rounded(nn.Sequential(nn.Flatten(), linear), calibration)
    before, after = (
        torch_error(linear, dequantize(c.values, c.params), unseen) for c in (nearest, chosen)
    )
    assert after < 0.7 * before


@pytest.mark.parametrize("kind", LAYERS)
def test_rows_times_columns_are_the_layer(kind: str) -> None:
    torch.manual_seed(0)
    module = LAYERS[kind]()
    model = hub(module, (1, 16, 9, 9))
    (layer,) = multiplying_layers(model)
    (x,) = photos(1, (1, 16, 9, 9))
    assert module.bias is not None
    weight = module.weight.detach().numpy()
    products = as_rows(layer, weight) @ columns(layer, x, 10**6)
    wanted = (module(torch.from_numpy(x)) - module.bias.reshape(1, -1, 1, 1)).detach().numpy()
    np.testing.assert_allclose(products.reshape(wanted.shape), wanted, atol=1e-5)
    np.testing.assert_array_equal(as_weight(layer, as_rows(layer, weight)), weight)


def test_a_wide_layer_is_solved_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments_module, "WIDEST", 50)
    torch.manual_seed(0)
    module = nn.Conv2d(16, 12, 3)
    inputs = smooth(40, 16, seed=1)
    (found,) = second_moments(hub(module, inputs[0].shape), inputs).values()
    assert [block.shape for block in found.second] == [(1, 48, 48)] * 3
    nearest, chosen = rounded(module, inputs)
    unseen = smooth(20, 16, seed=2)
    before, after = (
        torch_error(module, dequantize(c.values, c.params), unseen) for c in (nearest, chosen)
    )
    assert after < 0.8 * before


def test_rows_chosen_some_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module, inputs = nn.Conv2d(16, 12, 3), smooth(20, 16, seed=1)
    whole = rounded(module, inputs)[1]
    monkeypatch.setattr(rounding_module, "CHUNK", 5 * 16 * 9)
    parts = rounded(module, inputs)[1]
    np.testing.assert_array_equal(whole.params.scale, parts.params.scale)
    assert (whole.values == parts.values).mean() > 0.99


def test_dead_channels_and_constant_inputs_round_to_nearest() -> None:
    module = nn.Conv2d(4, 3, 1)
    inputs = [np.zeros((1, 4, 5, 5), np.float32)] * 3
    _, chosen = rounded(module, inputs)
    scales = chosen.params.scale.astype(np.float64).reshape(3, 1, 1, 1)
    np.testing.assert_array_equal(np.rint(module.weight.detach().numpy() / scales), chosen.values)


def test_a_net_of_all_kinds_of_layers_errs_less() -> None:
    model = hub(Mobile())
    inputs, unseen = smooth(60, 3, seed=1, sources=2), smooth(30, 3, seed=2, sources=2)
    plan = build_plan(model, observe(model, inputs))
    after = round_weights(model, plan, inputs)
    reference = run_float(model, unseen)

    def error(constants: Mapping[str, QuantizedConstant]) -> float:
        changed = replace(plan, constants=constants)
        difference = run_planned(model, changed, unseen, activations=False) - reference
        return float(difference.var(axis=0).sum())

    assert error(after) < 0.7 * error(plan.constants)


def test_the_same_inputs_give_the_same_integers() -> None:
    model = hub(Mobile())
    plan = build_plan(model, observe(model, photos(20)))

    def integers() -> list[bytes]:
        found = round_weights(model, plan, photos(20))
        return [constant.values.tobytes() for constant in found.values()]

    assert integers() == integers()


def test_weights_are_worked_out_again_only_where_their_scales_changed() -> None:
    model, asked = hub(Mobile()), list[set[str]]()

    def moments(names: Collection[str]) -> dict[str, Moments]:
        asked.append(set(names))
        found = second_moments(model, photos(20), names)
        assert set(found) == asked[-1]
        return found

    few, many = (build_plan(model, observe(model, photos(n, seed=n))) for n in (3, 30))
    rounder = WeightRounder(model, moments)
    rounder(few.constants, few.activations)
    again = rounder(many.constants, many.activations)
    fresh = WeightRounder(model, moments)(many.constants, many.activations)
    assert len(asked) == 2
    assert asked[0] == asked[1] == {layer.weight.name for layer in multiplying_layers(model)}
    for name, constant in fresh.items():
        np.testing.assert_array_equal(constant.values, again[name].values)
        np.testing.assert_array_equal(constant.params.scale, again[name].params.scale)
    name, weight = next((n, c) for n, c in many.constants.items() if c.params.axis is not None)
    params = replace(weight.params, scale=weight.params.scale * np.float32(1.1))
    coarser = {**many.constants, name: QuantizedConstant(params, weight.values)}
    anew = rounder(coarser, many.activations)
    assert asked[2:] == [{name}]
    assert not np.array_equal(anew[name].params.scale, again[name].params.scale)


def test_the_plan_stays_one_that_both_runtimes_execute() -> None:
    model = hub(Mobile())
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    plan = build_plan(model, observe(model, photos(20)))
    after = round_weights(model, plan, photos(20))
    check_plan(model, replace(plan, constants=after))
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before
    for layer in multiplying_layers(model):
        scales = [c[layer.weight.name or ""].params.scale for c in (after, plan.constants)]
        assert (scales[0] >= scales[1]).all()
        assert layer.bias is not None
        assert layer.bias.const_value is not None
        bias = after[layer.bias.name or ""]
        wanted = layer.bias.const_value.numpy() / bias.params.scale.astype(np.float64)
        np.testing.assert_array_equal(bias.values, np.rint(wanted))


def test_depthwise_layers_choose_luckier_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module = LAYERS["depthwise"]()
    unseen = smooth(20, 16, seed=2)

    def error() -> float:
        found = rounded(module, smooth(40, 16, seed=1))[1]
        return torch_error(module, dequantize(found.values, found.params), unseen)

    searched = error()
    monkeypatch.setattr(rounding_module, "NARROW", 0)
    assert searched < 0.7 * error()


def test_covariances_of_columns_far_from_zero_are_exact() -> None:
    module = nn.Conv2d(16, 12, 3)
    inputs = [x + 3000.0 for x in smooth(40, 16, seed=1)]
    (found,) = second_moments(hub(module, inputs[0].shape), inputs).values()
    ((_, covariance),) = found.covariances()
    near = [x - 3000.0 for x in inputs]
    (same,) = second_moments(hub(module, inputs[0].shape), near).values()
    ((_, wanted),) = same.covariances()
    assert np.abs(covariance - wanted).max() < 1e-3 * np.abs(wanted).max()


def test_no_photo_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one photo"):
        second_moments(hub(Mobile()), [])
