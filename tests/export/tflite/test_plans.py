"""A plan's requantized edges, islands and boundary types, as they stand in a file."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from onnx import helper

from edgeconv.data.formula import Io
from edgeconv.quantize.plan.parameters import Edge
from tests.export.tflite import engines, graphs, plans
from tests.export.tflite.cases import CASES
from tests.export.tflite.graphs import of_nodes, weights
from tests.helpers.tflite_bytes import tflite_bytes


def two_convolutions() -> dict[str, np.ndarray]:
    return {"w": weights(4, 3, 1, 1), "b": weights(4, seed=3)}


def test_a_requantized_edge_is_a_quantize() -> None:
    model = CASES["Concat of channels"].make()
    inputs = graphs.feeds(model)
    plan = plans.minmax(model, inputs)
    own = plans.spanning(-1.0, 1.0)
    plan = dataclasses.replace(
        plan,
        activations={**plan.activations, "x0": own},
        requantize={Edge("node", 1): plan.activations["x"]},
    )
    data = tflite_bytes(model, "int8", plan)
    assert engines.operators(data) == ["QUANTIZE", "CONCATENATION"]
    integers = {name: plans.quantize(x, plan.activations[name]) for name, x in inputs.items()}
    given = engines.run(engines.reference_kernels, data, integers)["y"]
    reals = [plans.dequantize(integers[name], plan.activations[name]) for name in ("x", "x0")]
    wanted = plans.quantize(np.concatenate(reals, axis=1), plan.activations["y"])
    assert np.abs(given.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_an_island_computes_in_float_between_conversions(engine: str) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["t"], name="before"),
        helper.make_node("Exp", ["t"], ["u"], name="island"),
        helper.make_node("MaxPool", ["u"], ["y"], name="after", kernel_shape=[2, 2]),
    ]
    model = of_nodes(nodes, {"x": (1, 3, 6, 6)}, {}, ["y"])
    inputs = {"x": graphs.feeds(model)["x"] / 5}
    plan = dataclasses.replace(plans.minmax(model, inputs), islands=frozenset({"island"}))
    data = tflite_bytes(model, "int8", plan)
    kinds = engines.operators(data)
    assert kinds[-4:] == ["DEQUANTIZE", "EXP", "QUANTIZE", "MAX_POOL_2D"]
    integers = {"x": plans.quantize(inputs["x"], plan.activations["x"])}
    reals = {"x": plans.dequantize(integers["x"], plan.activations["x"])}
    wanted = plans.quantize(graphs.reference(model, reals)["y"], plan.activations["y"])
    given = engines.run(engines.ENGINES[engine], data, integers)["y"]
    assert np.abs(given.astype(int) - wanted).max() <= 1


def test_neighbouring_islands_pass_floats_where_the_plan_says_nothing_between() -> None:
    nodes = [
        helper.make_node("Exp", ["x"], ["t"], name="one"),
        helper.make_node("Neg", ["t"], ["y"], name="two"),
    ]
    model = of_nodes(nodes, {"x": (1, 3, 6, 6)}, {}, ["y"])
    plan = plans.minmax(model, graphs.feeds(model))
    activations = {name: params for name, params in plan.activations.items() if name != "t"}
    plan = dataclasses.replace(plan, activations=activations, islands=frozenset({"one", "two"}))
    assert engines.operators(tflite_bytes(model, "int8", plan)) == [
        "DEQUANTIZE", "EXP", "NEG", "QUANTIZE"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["pointwise", "channel shuffle", "Flatten of an image", "Softmax"])
def test_boundary_types_change_nothing_but_the_boundary(name: str) -> None:
    model = CASES[name].make()
    inputs = graphs.feeds(model)
    plan = plans.minmax(model, inputs)
    into, out = plan.activations["x"], plan.activations["y"]
    integers = plans.quantize(inputs["x"], into)
    make = engines.reference_kernels
    int8 = engines.run(make, tflite_bytes(model, "int8", plan), {"x": integers})["y"]
    raw = (integers.astype(int) + 128).astype(np.uint8)
    uint8 = engines.run(make, tflite_bytes(model, "int8", plan, io="uint8"), {"x": raw})["y"]
    assert np.array_equal(uint8.astype(int) - 128, int8)
    reals = plans.dequantize(integers, into)
    floats = engines.run(make, tflite_bytes(model, "int8", plan, io="float32"), {"x": reals})["y"]
    assert np.allclose(floats, plans.dequantize(int8, out), rtol=1e-6)


@pytest.mark.parametrize("io", ["uint8", "float32"])
def test_the_boundary_keeps_the_hubs_names(io: Io) -> None:
    model = CASES["pointwise"].make()
    plan = plans.minmax(model, graphs.feeds(model))
    found = engines.tensors(tflite_bytes(model, "int8", plan, io=io))
    assert found["x"]["dtype"] == found["y"]["dtype"] == np.dtype(io)
    assert found["x/int8"]["dtype"] == found["y/int8"]["dtype"] == np.int8


@pytest.mark.parametrize(
    ("name", "axis"), [("pointwise", 0), ("depthwise", 3), ("Gemm, weight in columns", 0)]
)
def test_scales_lie_along_the_weights_output_axis(name: str, axis: int) -> None:
    model = CASES[name].make()
    plan = plans.minmax(model, graphs.feeds(model))
    details = engines.tensors(tflite_bytes(model, "int8", plan))["c0"]["quantization_parameters"]
    assert details["quantized_dimension"] == axis
    assert np.array_equal(details["scales"], plan.constants["c0"].params.scale)
