"""What int8 files compute in float is right for every integer, and one operator of XNNPACK's."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import helper

from edgeconv.quantize.plan.parameters import Plan
from tests.export.tflite import engines, plans
from tests.export.tflite.graphs import of_node, of_nodes, weights
from tests.helpers.tflite_bytes import tflite_bytes

SHAPE = (1, 4, 8, 8)
EVERY = np.arange(-128, 128, dtype=np.int8).reshape(SHAPE)
#: A grid on which [-3, 3] is most of what there is, and one that nothing saturates.
READ, WRITTEN = plans.per_tensor(0.037, 11), plans.per_tensor(0.031, -90)


def rounded(reals: np.ndarray) -> np.ndarray:
    """Steps of the written grid, not yet rounded, from the zero point."""
    return reals / np.float64(WRITTEN.scale) + int(WRITTEN.zero_point)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("HardSwish", lambda x: x * np.clip(x + 3, 0, 6) / 6),
        ("Abs", np.abs),
        ("Exp", np.exp),
    ],
)
@pytest.mark.parametrize("engine", ["xnnpack", "reference"])
def test_every_integer_is_the_rounded_real(name: str, function: object, engine: str) -> None:
    model = of_node(name, SHAPE)
    data = tflite_bytes(model, "int8", Plan({"x": READ, "y": WRITTEN}, {}))
    (made,) = engines.run(engines.ENGINES[engine], data, {"x": EVERY}).values()
    reals = (EVERY.astype(np.float64) - int(READ.zero_point)) * np.float64(READ.scale)
    wanted = np.clip(rounded(function(reals)), -128, 127)  # type: ignore[operator]
    # Half a step, and what float32 may lose of it.
    assert np.abs(made - wanted).max() <= 0.5 + 1e-3


def test_two_readers_of_a_tensor_are_looked_up_each_by_itself() -> None:
    data = tflite_bytes(*twice_read())
    assert engines.operators(data).count("DEQUANTIZE") == 2
    assert engines.is_wholly_delegated(data)
    assert engines.profiled(data).count("Invalid Unary Op") >= 2


def twice_read() -> tuple[ir.Model, str, Plan]:
    nodes = [
        helper.make_node("HardSwish", ["x"], ["a"], name="a"),
        helper.make_node("Abs", ["x"], ["b"], name="b"),
        helper.make_node("MaxPool", ["a"], ["c"], name="c", kernel_shape=[2, 2]),
        helper.make_node("MaxPool", ["b"], ["d"], name="d", kernel_shape=[2, 2]),
    ]
    model = of_nodes(nodes, {"x": SHAPE}, {}, ["c", "d"])
    return model, "int8", Plan({"x": READ} | dict.fromkeys("abcd", WRITTEN), {})


def test_a_slope_stays_the_plans_integers() -> None:
    model = of_node("PRelu", SHAPE, np.abs(weights(4, 1, 1)))
    data = tflite_bytes(model, "int8", plans.minmax(model, {"x": np.float32(EVERY) / 40}))
    types = [tensor["dtype"] for name, tensor in engines.tensors(data).items() if "c0" in name]
    assert np.int8 in types
    assert engines.is_wholly_delegated(data)


def test_a_small_average_inside_the_image_is_a_convolution_of_xnnpacks() -> None:
    model = of_node("AveragePool", SHAPE, kernel_shape=[2, 2], strides=[2, 2])
    data = tflite_bytes(model, "int8", Plan(dict.fromkeys("xy", READ), {}))
    assert engines.operators(data) == ["DEPTHWISE_CONV_2D"]
    assert engines.is_wholly_delegated(data)
