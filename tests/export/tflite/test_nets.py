"""Whole nets: float error, no stray transpose, and XNNPACK runs all of them."""

from __future__ import annotations

import functools

import numpy as np
import onnx_ir as ir
import pytest
import torch

from edgeconv.export.capture.hub import capture
from edgeconv.nets.calibrate_bn import set_batchnorm_statistics
from edgeconv.nets.load import load_net
from edgeconv.quantize.plan.parameters import Plan
from tests.export.tflite import engines, graphs, plans
from tests.helpers.tflite_bytes import tflite_bytes

SIZE = (96, 96)
NETS = ["mobilenet_v2", "mobilenet_v1", "squeezenet1_1", "resnet18"]


@functools.cache
def hub(name: str) -> ir.Model:
    module = load_net(name, weights="random", input_size=SIZE).module
    batch = torch.randn(4, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    set_batchnorm_statistics(module, [batch])
    return capture(module, torch.zeros(1, 3, *SIZE), name=name)


def image() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {"input": generator.normal(size=(1, 3, *SIZE)).astype(np.float32)}


@functools.cache
def plan_of(name: str) -> Plan:
    return plans.minmax(hub(name), image())


@pytest.mark.parametrize("name", NETS)
def test_float_file_is_within_1e_5_of_the_largest_logit(name: str) -> None:
    wanted = graphs.reference(hub(name), image())["logits"]
    data = tflite_bytes(hub(name))
    for make in (engines.xnnpack, engines.reference_kernels):
        given = engines.run(make, data, image())["logits"]
        assert np.abs(given - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("name", NETS)
def test_int8_file_follows_the_float_net(name: str) -> None:
    """5 dB: random weights leave no margin; what trained nets reach is measured elsewhere."""
    wanted = graphs.reference(hub(name), image())["logits"]
    plan = plan_of(name)
    integers = {"input": plans.quantize(image()["input"], plan.activations["input"])}
    data = tflite_bytes(hub(name), "int8", plan)
    for make in (engines.xnnpack, engines.reference_kernels):
        given = engines.run(make, data, integers)["logits"]
        reals = plans.dequantize(given, plan.activations["logits"])
        assert 10 * np.log10(np.var(wanted) / np.mean((reals - wanted) ** 2)) > 5


@pytest.mark.parametrize("name", NETS)
def test_nothing_is_transposed_and_nothing_stays_outside_xnnpack(name: str) -> None:
    for data in (
        tflite_bytes(hub(name)),
        tflite_bytes(hub(name), "int8", plan_of(name)),
        tflite_bytes(hub(name), "int8", plan_of(name), io="float32"),
    ):
        assert "TRANSPOSE" not in engines.operators(data)
        assert engines.is_wholly_delegated(data)


@pytest.mark.parametrize("name", NETS)
def test_every_operator_of_an_int8_file_is_int8(name: str) -> None:
    data = tflite_bytes(hub(name), "int8", plan_of(name))
    types = {details["dtype"] for details in engines.tensors(data).values()}
    assert types == {np.int8, np.int32}
