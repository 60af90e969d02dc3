"""What cannot be written is refused before a byte is, with every reason at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from onnx import helper

from edgeconv.errors import NetRefused, PlanRefused, UnsupportedOperator
from edgeconv.export import tflite
from edgeconv.export.tflite import flatbuffer
from edgeconv.quantize.plan.parameters import Edge, Plan, QuantizedConstant, QuantParams
from tests.export.tflite import graphs, plans
from tests.export.tflite.cases import CASES
from tests.export.tflite.cases.case import floats, resize
from tests.export.tflite.graphs import of_node, of_nodes, weights
from tests.helpers.tflite_bytes import tflite_bytes

IMAGE = (1, 4, 6, 6)


def test_unknown_operators_are_all_named_with_their_nodes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Hardmax", ["x"], ["a"], name="first.max"),
        helper.make_node("LpNormalization", ["a"], ["b"], name="then.norm"),
        helper.make_node("Hardmax", ["b"], ["y"], name="last.max"),
    ]
    model = of_nodes(nodes, {"x": IMAGE}, {}, ["y"])
    with pytest.raises(UnsupportedOperator, match="ONNX only") as refusal:
        tflite.write(model, tmp_path / "model.tflite")
    for name in ("Hardmax (first.max, last.max)", "LpNormalization (then.norm)"):
        assert name in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_an_operator_that_tflite_cannot_have_is_refused_with_the_reason_in_its_row() -> None:
    pool = of_node("LpPool", IMAGE, kernel_shape=[2, 2])
    with pytest.raises(UnsupportedOperator, match=r"LpPool \(.*\): TFLite's L2_POOL_2D averages"):
        tflite_bytes(pool)


def test_nodes_that_cannot_be_expressed_are_all_named() -> None:
    nodes = [
        helper.make_node("LRN", ["x"], ["a"], name="act.0", size=4),
        helper.make_node("Relu", ["a"], ["b"], name="act.1"),
        helper.make_node("LeakyRelu", ["b"], ["c"], name="act.2"),
        helper.make_node(
            "MaxPool",
            ["c"],
            ["y"],
            name="pool",
            kernel_shape=[1, 1],
            dilations=[2, 2],
            pads=[1] * 4,
        ),
    ]
    with pytest.raises(UnsupportedOperator) as refusal:
        tflite_bytes(of_nodes(nodes, {"x": IMAGE}, {}, ["y"]))
    assert "LRN normalizes over an even number of channels;" in str(refusal.value)
    assert "(act.0)" in str(refusal.value)
    assert "MaxPool has a window that lies in its padding alone" in str(refusal.value)
    assert "(pool)" in str(refusal.value)


UNSUPPORTED: dict[str, tuple[Callable[[], ir.Model], str]] = {
    "convolution along one axis": (
        lambda: of_node("Conv", (1, 3, 8), weights(4, 3, 3)),
        "1 spatial ax",
    ),
    "weight computed at run time": (
        lambda: of_node("Conv", (1, 3, 8, 8), inputs=[(4, 3, 3, 3)]),
        "computed at run time",
    ),
    "product of tensors of six axes": (
        lambda: of_node("MatMul", (1, 1, 1, 1, 2, 3), inputs=[(1, 1, 1, 1, 3, 4)]),
        "of 6 axes",
    ),
    "grouped transposed convolution": (
        lambda: of_node("ConvTranspose", (1, 4, 5, 5), weights(4, 2, 3, 3), group=2),
        "no groups",
    ),
    "nearest rounding": (
        resize("nearest", "half_pixel", (7, 4), nearest_mode="ceil").make,
        "samples by a nearest rule that TFLite lacks",
    ),
    "linear by a scale that is not the sizes' ratio": (
        lambda: of_node(
            "Resize",
            (1, 3, 5, 6),
            None,
            floats(1, 1, 1.5, 1.9),
            mode="linear",
            coordinate_transformation_mode="asymmetric",
        ),
        "samples by a linear rule that TFLite lacks",
    ),
    "transposed convolution that states its size alone": (
        lambda: of_node("ConvTranspose", (1, 4, 5, 5), weights(4, 2, 3, 3), output_shape=[9, 9]),
        "leaves its padding open",
    ),
    "LRN over an even number of channels": (
        lambda: of_node("LRN", IMAGE, size=4),
        "over an even number of channels",
    ),
    "cubic": (resize("cubic", "half_pixel", (10, 12)).make, "cubic"),
}


@pytest.mark.parametrize(("make", "reason"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_what_tflite_has_no_operator_for_is_refused_with_the_reason(
    make: Callable[[], ir.Model], reason: str
) -> None:
    with pytest.raises(UnsupportedOperator, match=reason):
        tflite_bytes(make())


def test_a_file_past_the_formats_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatbuffer, "_LARGEST_CONSTANTS", 100)
    with pytest.raises(NetRefused, match="at most 2 GiB"):
        tflite_bytes(CASES["pointwise"].make())


def planned(name: str) -> tuple[ir.Model, Plan]:
    model = CASES[name].make()
    return model, plans.minmax(model, graphs.feeds(model))


def refused(model: ir.Model, plan: Plan, **changes: object) -> str:
    with pytest.raises(PlanRefused) as refusal:
        tflite_bytes(model, "int8", dataclasses.replace(plan, **changes))  # type: ignore[arg-type]
    return str(refusal.value)


def test_an_average_pool_on_two_scales_is_refused() -> None:
    model, plan = planned("average, 2 x 2")
    other = {**plan.activations, "y": plans.per_tensor(0.5, 0)}
    assert "node" in refused(model, plan, activations=other)


def test_a_concat_on_two_scales_is_refused() -> None:
    model, plan = planned("Concat of channels")
    other = {**plan.activations, "x0": plans.per_tensor(0.5, 0)}
    assert "x0" in refused(model, plan, activations=other)


def test_a_tensor_without_parameters_is_refused() -> None:
    model, plan = planned("pointwise")
    assert "y" in refused(model, plan, activations={"x": plan.activations["x"]})


def test_a_weight_without_integers_is_refused() -> None:
    model, plan = planned("pointwise")
    constants = {k: v for k, v in plan.constants.items() if k != "c0"}
    assert "c0" in refused(model, plan, constants=constants)


def test_a_weight_of_another_shape_is_refused() -> None:
    model, plan = planned("pointwise")
    weight = plan.constants["c0"]
    cut = QuantizedConstant(weight.params, weight.values[:, :2])
    assert "c0" in refused(model, plan, constants={**plan.constants, "c0": cut})


def test_an_asymmetric_weight_is_refused() -> None:
    model, plan = planned("pointwise")
    weight = plan.constants["c0"]
    params = QuantParams(weight.params.scale, np.full(4, 3, np.int32), "int8", 0)
    shifted = QuantizedConstant(params, weight.values)
    assert "zero point 0" in refused(model, plan, constants={**plan.constants, "c0": shifted})


def test_a_bias_on_another_scale_is_refused() -> None:
    model, plan = planned("pointwise")
    bias = plan.constants["c1"]
    params = QuantParams(bias.params.scale * 2, bias.params.zero_point, "int32", 0)
    moved = QuantizedConstant(params, bias.values)
    assert "scale" in refused(model, plan, constants={**plan.constants, "c1": moved})


def test_a_sigmoid_on_a_scale_of_its_own_is_refused() -> None:
    model, plan = planned("Sigmoid")
    other = {**plan.activations, "y": plans.per_tensor(1 / 255, -128)}
    assert "Sigmoid" in refused(model, plan, activations=other)


def test_an_island_that_is_no_node_is_refused() -> None:
    model, plan = planned("pointwise")
    assert "islands name elsewhere" in refused(model, plan, islands=frozenset({"elsewhere"}))


def test_a_requantized_edge_of_no_node_is_refused() -> None:
    model, plan = planned("pointwise")
    edges = {Edge("elsewhere", 0): plan.activations["x"]}
    assert "elsewhere" in refused(model, plan, requantize=edges)
