"""Segmentation and detection nets in the files an app runs."""

from __future__ import annotations

import functools
from collections import Counter

import numpy as np
import onnx_ir as ir
import pytest
import torch
from numpy.typing import NDArray

from edgeconv.export.capture.hub import capture
from edgeconv.graph.view import name_of
from edgeconv.nets.calibrate_bn import set_batchnorm_statistics
from tests.export.tflite import engines, graphs, plans
from tests.helpers.tflite_bytes import tflite_bytes
from tests.nets.catalog.oracle import build

SIZE = (64, 64)
NETS = {
    "lraspp_mobilenet_v3_large": {},
    "deeplabv3_mobilenet_v3_large": {},
    "unet": {"width": 0.0625},
    "ssdlite320_mobilenet_v3_large": {},
}


@functools.cache
def hub(name: str) -> ir.Model:
    torch.manual_seed(0)
    net = build(name, classes=5, **NETS[name])
    set_batchnorm_statistics(net, [torch.randn(4, 3, *SIZE)])
    return capture(net, torch.zeros(1, 3, *SIZE), name=name)


def image() -> dict[str, NDArray[np.float32]]:
    generator = np.random.default_rng(0)
    return {"input": generator.normal(size=(1, 3, *SIZE)).astype(np.float32)}


@pytest.mark.parametrize("name", NETS)
def test_the_float_file_gives_what_the_net_gives(name: str) -> None:
    model = hub(name)
    wanted = graphs.reference(model, image())
    assert sorted(wanted) == (["boxes", "scores"] if name.startswith("ssd") else ["logits"])
    given = engines.run(engines.xnnpack, tflite_bytes(model), image())
    for output, exact in wanted.items():
        assert given[output].shape == exact.shape
        assert np.abs(given[output] - exact).max() <= 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("name", NETS)
def test_xnnpack_runs_all_of_it_without_a_transpose(name: str) -> None:
    data = tflite_bytes(hub(name))
    assert engines.is_wholly_delegated(data)
    assert not {"TRANSPOSE", "GATHER", "STRIDED_SLICE"} & set(Counter(engines.operators(data)))


@pytest.mark.parametrize("name", NETS)
def test_the_int8_file_follows_the_float_net(name: str) -> None:
    """5 dB: random weights leave no margin; what trained nets reach is measured elsewhere."""
    model = hub(name)
    wanted = graphs.reference(model, image())
    plan = plans.minmax(model, image())
    integers = {"input": plans.quantize(image()["input"], plan.activations["input"])}
    given = engines.run(engines.xnnpack, tflite_bytes(model, "int8", plan), integers)
    for value in model.graph.outputs:
        exact, got = wanted[name_of(value)], given[name_of(value)]
        if got.dtype == np.int8:
            got = plans.dequantize(got, plan.activations[name_of(value)])
        assert 10 * np.log10(np.mean(exact**2) / np.mean((got - exact) ** 2)) > 5
