"""Dilated convolutions and dense outputs in the files an app runs."""

from __future__ import annotations

import functools
from collections import Counter

import numpy as np
import onnx_ir as ir
import pytest
import torch
from numpy.typing import NDArray

from edgeconv.export.capture.hub import capture
from edgeconv.graph.view import shape_of
from edgeconv.nets.calibrate_bn import set_batchnorm_statistics
from edgeconv.nets.dilated_resnet import DRNC
from edgeconv.nets.dilated_vgg import context_module
from tests.export.tflite import engines, graphs, plans
from tests.helpers.tflite_bytes import tflite_bytes

SIZE = (48, 40)
STAGES = (  # DRN-C-26's dilations at a twentieth of its width
    (8, 1, 1, 1, True),
    (8, 1, 2, 1, True),
    (8, 1, 2, 1, True),
    (16, 1, 2, 1, True),
    (16, 1, 1, 2, True),
    (24, 1, 1, 4, True),
    (24, 1, 1, 2, False),
    (24, 1, 1, 1, False),
)
KINDS = ["drn", "context"]


@functools.cache
def hub(kind: str) -> ir.Model:
    torch.manual_seed(0)
    if kind == "context":
        return capture(context_module(3).eval(), torch.zeros(1, 3, *SIZE), name=kind)
    net = DRNC(STAGES, 5, dense=True).eval()
    set_batchnorm_statistics(net, [torch.randn(4, 3, *SIZE)])
    return capture(net, torch.zeros(1, 3, *SIZE), name=kind)


def image() -> dict[str, NDArray[np.float32]]:
    generator = np.random.default_rng(0)
    return {"input": generator.normal(size=(1, 3, *SIZE)).astype(np.float32)}


@pytest.mark.parametrize(("kind", "shape"), [("drn", (1, 5, 6, 5)), ("context", (1, 3, 48, 40))])
def test_the_float_file_gives_the_dense_map(kind: str, shape: tuple[int, ...]) -> None:
    model = hub(kind)
    wanted = graphs.reference(model, image())["logits"]
    assert wanted.shape == shape == shape_of(model.graph.outputs[0])
    data = tflite_bytes(model)
    for make in (engines.xnnpack, engines.reference_kernels):
        given = engines.run(make, data, image())["logits"]
        assert given.shape == shape
        assert np.abs(given - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize(("kind", "strided"), [("drn", 3), ("context", 0)])
@pytest.mark.parametrize("io", ["float", "int8"])
def test_xnnpack_runs_every_convolution_and_only_those_that_stride_need_a_pad(
    kind: str, strided: int, io: str
) -> None:
    model = hub(kind)
    planned = () if io == "float" else ("int8", plans.minmax(model, image()))
    data = tflite_bytes(model, *planned)
    assert engines.is_wholly_delegated(data)
    used = Counter(engines.operators(data))
    assert set(used) <= {"CONV_2D", "ADD", "PAD"}
    assert used["PAD"] == strided


@pytest.mark.parametrize("kind", KINDS)
def test_the_int8_file_follows_the_float_map(kind: str) -> None:
    model = hub(kind)
    wanted = graphs.reference(model, image())["logits"]
    plan = plans.minmax(model, image())
    integers = {"input": plans.quantize(image()["input"], plan.activations["input"])}
    data = tflite_bytes(model, "int8", plan)
    for make in (engines.xnnpack, engines.reference_kernels):
        given = engines.run(make, data, integers)["logits"]
        reals = plans.dequantize(given, plan.activations["logits"])
        assert 10 * np.log10(np.mean(wanted**2) / np.mean((reals - wanted) ** 2)) > 10
