"""Integer weights and biases against the TFLite 8-bit quantization specification."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from edgeconv.errors import RefusedError
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.parameters import QuantizedConstant
from edgeconv.quantize.plan.planner import build_plan
from edgeconv.quantize.plan.weights import (
    BIAS_LIMIT,
    PRODUCTS_LIMIT,
    layer_of,
    quantize_layer,
)
from tests.quantize.nets import Mobile, hub, photos, run_float, run_planned, sqnr_db


def quantized(
    module: nn.Module,
    *,
    shape: tuple[int, ...] = (1, 4, 6, 6),
    input_scale: float = 0.02,
    output_scale: float = 0.05,
) -> tuple[QuantizedConstant, QuantizedConstant]:
    layers = [layer_of(node) for node in hub(module, shape).graph]
    (layer,) = (found for found in layers if found is not None)
    weight, bias = quantize_layer(layer, input_scale, output_scale).values()
    return weight, bias


def layer(seed: int = 0) -> nn.Conv2d:
    torch.manual_seed(seed)
    return nn.Conv2d(4, 5, 3)


def test_each_output_channel_reaches_127_or_minus_127() -> None:
    weight, _ = quantized(layer())
    assert weight.params.axis == 0
    assert weight.params.scale.shape == (5,)
    np.testing.assert_array_equal(np.abs(weight.values.astype(int)).max(axis=(1, 2, 3)), 127)
    assert not weight.params.zero_point.any()


def test_weights_err_by_half_a_step_at_most() -> None:
    module = layer()
    weight, _ = quantized(module)
    scale = weight.params.scale.reshape(-1, 1, 1, 1)
    error = np.abs(weight.values * scale - module.weight.detach().numpy())
    assert (error <= scale * 0.5001).all()


def test_the_bias_scale_is_the_product_of_input_and_weight_scale() -> None:
    module = layer()
    weight, bias = quantized(module, input_scale=0.03)
    assert bias.params.dtype == "int32"
    np.testing.assert_array_equal(bias.params.scale, np.float32(0.03) * weight.params.scale)
    wanted = module.bias.detach().numpy() / bias.params.scale.astype(np.float64)
    np.testing.assert_array_equal(bias.values, np.rint(wanted))


def test_a_bias_too_large_for_int32_raises_its_channels_scale_only() -> None:
    module = layer()
    plain, _ = quantized(module, input_scale=1e-6)
    with torch.no_grad():
        module.weight[2] *= 1e-3
        module.bias[2] = 300.0
    weight, bias = quantized(module, input_scale=1e-6)
    assert np.abs(bias.values).max() <= BIAS_LIMIT
    np.testing.assert_allclose(bias.values[2] * bias.params.scale[2], 300.0, rtol=1e-6)
    others = [0, 1, 3, 4]
    np.testing.assert_array_equal(weight.params.scale[others], plain.params.scale[others])


def test_a_row_too_wide_for_the_accumulator_has_its_scale_raised() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(40_000, 3))
    with torch.no_grad():
        module[1].weight.fill_(0.01)
        module[1].weight[2, 1:] = 1e-6
    weight, bias = quantized(module, shape=(1, 40_000, 1, 1))
    worst = 255 * np.abs(weight.values.astype(np.int64)).sum(axis=1)
    assert (worst + np.abs(bias.values.astype(np.int64)) < 2**31).all()
    assert worst[0] > 0.9 * PRODUCTS_LIMIT
    reals = weight.values * weight.params.scale[:, None].astype(np.float64)
    np.testing.assert_allclose(reals[:2], 0.01, rtol=0.01)
    assert np.abs(weight.values[2]).max() == 127


def test_a_tiny_input_under_huge_biases_survives_int8() -> None:
    """Biases of thousands over an input of millionths: round(b / (s_in s_w)) is far past int32."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1))
    with torch.no_grad():
        module[0].bias += 5000.0
    model = hub(module)
    inputs = [1e-6 * photo for photo in photos(8)]
    seen = observe(model, inputs)
    plan = build_plan(model, seen)
    naive = 5000.0 / (
        float(plan.activations["input"].scale) * module[0].weight.detach().abs().max() / 127
    )
    assert naive > 2**31
    for found in plan.constants.values():
        if found.params.dtype == "int32":
            assert np.abs(found.values.astype(np.int64)).max() <= BIAS_LIMIT
    assert sqnr_db(run_float(model, inputs), run_planned(model, plan, inputs)) > 40


def test_no_guard_touches_an_ordinary_net() -> None:
    model = hub(Mobile())
    plan = build_plan(model, observe(model, photos(10)))
    for node in model.graph:
        found = layer_of(node)
        if found is not None:
            scale = plan.constants[found.weight.name or ""].params.scale
            assert found.weight.const_value is not None
            rows = found.weight.const_value.numpy().reshape(len(scale), -1)
            np.testing.assert_allclose(scale, np.abs(rows).max(axis=1) / 127, rtol=1e-6)


def test_a_channel_of_zeros_keeps_its_bias() -> None:
    module = layer()
    with torch.no_grad():
        module.weight[1] = 0.0
        module.bias[1] = 0.7
    weight, bias = quantized(module)
    assert not weight.values[1].any()
    np.testing.assert_allclose(bias.values[1] * bias.params.scale[1], 0.7, rtol=1e-4)
    multiplier = 0.02 * weight.params.scale[1] / 0.05
    assert multiplier >= 2.0**-32


def test_a_fully_connected_layer_has_a_scale_for_each_output() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 7))
    weight, bias = quantized(module, shape=(1, 4, 2, 2))
    assert weight.params.scale.shape == bias.params.scale.shape == (7,)
    assert weight.values.shape[weight.params.axis or 0] == 7


def test_nan_in_a_weight_is_refused_by_name() -> None:
    module = layer()
    model = hub(module, (1, 4, 6, 6))
    (found,) = (layer_of(node) for node in model.graph)
    assert found is not None
    assert found.weight.const_value is not None
    array = found.weight.const_value.numpy().copy()
    array[0, 0, 0, 0] = np.nan
    found.weight.const_value = ir.tensor(array)
    with pytest.raises(RefusedError, match=f"tensor {found.weight.name} holds NaN"):
        quantize_layer(found, 0.1, 0.1)
