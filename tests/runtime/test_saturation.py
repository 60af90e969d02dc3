"""The probe is the model its comment says, and tells exact kernels from saturating ones."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgeconv.runtime import saturation
from edgeconv.runtime.session import SessionOptions

SHAPE = [1, saturation.CHANNELS, 4, 4]


def built_again() -> onnx.ModelProto:
    """The probe, from its description; this is how the constant was made."""
    weights = np.full((16, 16, 1, 1), 127, np.int8)
    weights[1::2] = -127
    constants = {
        "sx": np.float32(1),
        "zx": np.int8(0),
        "sw": np.ones(16, np.float32),
        "zw": np.zeros(16, np.int8),
        "w": weights,
        "sy": np.float32(saturation.OUTPUT_SCALE),
        "zy": np.int8(0),
        "b": np.zeros(16, np.int32),
        "sb": np.ones(16, np.float32),
        "zb": np.zeros(16, np.int32),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["wf"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "sb", "zb"], ["bf"], axis=0),
        helper.make_node("QuantizeLinear", ["x", "sx", "zx"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "sx", "zx"], ["xf"]),
        helper.make_node("Conv", ["xf", "wf", "bf"], ["yf"], kernel_shape=[1, 1]),
        helper.make_node("QuantizeLinear", ["yf", "sy", "zy"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "sy", "zy"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, SHAPE)],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def probe() -> onnx.ModelProto:
    return onnx.load_from_string(zlib.decompress(base64.b64decode(saturation.PROBE)))


def test_the_constant_is_the_model_described():
    assert probe() == built_again()


def test_exact_arithmetic_gives_the_expected_result():
    model = probe()
    model.opset_import[0].version = 19  # the oracle knows no older one; int8 means the same in both
    oracle = ReferenceEvaluator(model).run(None, {"x": np.full(SHAPE, 127, np.float32)})[0]
    np.testing.assert_array_equal(oracle, saturation.exact_result())


def test_optimizations_off_is_exact_on_every_cpu():
    off = saturation.run_probe(SessionOptions(kernels="reference"))
    np.testing.assert_array_equal(off, saturation.exact_result())


@pytest.fixture(autouse=True)
def forget():
    saturation.int8_convolution_saturates.cache_clear()
    yield
    saturation.int8_convolution_saturates.cache_clear()


def test_16_bit_sums_that_clamp_are_detected(monkeypatch):
    """What AVX2 computes: pairs of u8 * s8 products clamped to 16 bits, then the zero point."""
    pairs = np.clip(2 * 255 * np.array([127, -127]), -32768, 32767)
    sums = 8 * pairs - 128 * 16 * np.array([127, -127])
    steps = np.rint(sums / saturation.OUTPUT_SCALE).astype(np.float32)
    clamped = np.tile(steps, 8)[None, :, None, None] * np.ones(SHAPE, np.float32)
    clamped *= saturation.OUTPUT_SCALE
    monkeypatch.setattr(saturation, "run_probe", lambda options: clamped)
    assert saturation.int8_convolution_saturates()


def test_the_answer_for_this_machine_is_what_its_onnxruntime_computes():
    given = saturation.run_probe(SessionOptions())
    differs = not np.array_equal(given, saturation.exact_result())
    assert saturation.int8_convolution_saturates() is differs
