"""What stands in a file: names, signature, layout, paddings, fused activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from edgeconv.errors import OutputUnwritable
from edgeconv.export import tflite
from tests.export.tflite import engines, graphs, plans
from tests.export.tflite.cases import CASES
from tests.export.tflite.graphs import weights
from tests.helpers.tflite_bytes import tflite_bytes


def operators_of(name: str) -> list[str]:
    return engines.operators(tflite_bytes(CASES[name].make()))


def test_tensors_carry_the_hubs_names_and_lie_in_nhwc() -> None:
    found = engines.tensors(tflite_bytes(CASES["pointwise"].make()))
    assert found["x"]["shape"].tolist() == [2, 5, 6, 3]
    assert found["y"]["shape"].tolist() == [2, 5, 6, 4]
    assert found["c0"]["shape"].tolist() == [4, 1, 1, 3]
    assert found["c1"]["shape"].tolist() == [4]


def test_the_signature_names_inputs_and_outputs() -> None:
    data = tflite_bytes(CASES["Split in halves"].make())
    signatures = engines.reference_kernels(data).get_signature_list()
    assert signatures == {"serving_default": {"inputs": ["x"], "outputs": ["y0", "y1"]}}


@pytest.mark.parametrize(
    "name", ["padding that is SAME", "strided SAME of an odd size", "TensorFlow's padding"]
)
def test_padding_that_is_tensorflows_needs_no_pad(name: str) -> None:
    assert operators_of(name) == ["CONV_2D"]


def test_padding_that_is_not_tensorflows_is_a_pad() -> None:
    assert operators_of("strided padding that is not SAME") == ["PAD", "CONV_2D"]


def test_every_convolution_has_a_pad_of_its_own_which_xnnpack_makes_part_of_it() -> None:
    convs = [
        helper.make_node(
            "Conv", ["x", f"w{i}"], [f"y{i}"], name=f"n{i}", pads=[1, 1, 1, 1], strides=[2, 2]
        )
        for i in range(2)
    ]
    constants = {f"w{i}": weights(4, 3, 3, 3, seed=i) for i in range(2)}
    model = graphs.of_nodes(convs, {"x": (1, 3, 8, 8)}, constants, ["y0", "y1"])
    operators = engines.operators(tflite_bytes(model))
    assert operators == ["PAD", "CONV_2D", "PAD", "CONV_2D"]


def test_a_max_pool_of_any_sign_is_bordered_with_the_lowest_value() -> None:
    operators = operators_of("max, padding that is not SAME")
    assert operators == ["RESHAPE", "PADV2", "RESHAPE", "MAX_POOL_2D"]


def test_a_max_pool_behind_a_relu_is_bordered_with_zeros_which_xnnpack_runs() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["t"], name="n0"),
        helper.make_node(
            "MaxPool", ["t"], ["y"], name="n1", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4
        ),
    ]
    data = tflite_bytes(graphs.of_nodes(nodes, {"x": (1, 3, 8, 8)}, {}, ["y"]))
    assert engines.operators(data) == ["RELU", "RESHAPE", "PAD", "RESHAPE", "MAX_POOL_2D"]
    assert engines.is_wholly_delegated(data)


def test_activations_are_absorbed() -> None:
    assert operators_of("Conv and ReLU6") == ["CONV_2D"]
    assert operators_of("Add and Relu") == ["ADD"]


def test_a_grouped_convolution_stays_one_operator_that_xnnpack_runs() -> None:
    model = CASES["grouped"].make()
    plan = plans.minmax(model, graphs.feeds(model))
    for data in (tflite_bytes(model), tflite_bytes(model, "int8", plan)):
        assert engines.operators(data) == ["CONV_2D"]
        assert engines.is_wholly_delegated(data)


@pytest.mark.parametrize(("case", "steps"), [("Concat of six", 2), ("Concat of fifteen", 4)])
def test_many_tensors_are_joined_in_steps_that_xnnpack_runs(case: str, steps: int) -> None:
    model = CASES[case].make()
    plan = plans.minmax(model, graphs.feeds(model))
    for data in (tflite_bytes(model), tflite_bytes(model, "int8", plan)):
        assert engines.operators(data) == ["CONCATENATION"] * steps
        assert engines.is_wholly_delegated(data)


def test_a_transpose_alone_writes_no_transpose() -> None:
    assert operators_of("channels last and back") == ["FULLY_CONNECTED", "RELU"]
    assert operators_of("tokens of an image") == ["RESHAPE", "FULLY_CONNECTED"]


def test_heads_are_transposed_once_before_they_are_cut_apart() -> None:
    found = operators_of("Split into heads")
    assert found.count("TRANSPOSE") == 2  # the other joins the heads again
    assert found.index("TRANSPOSE") < found.index("SLICE")


def test_a_channel_shuffle_takes_one_transpose() -> None:
    assert operators_of("channel shuffle") == ["RESHAPE", "TRANSPOSE", "RESHAPE", "RELU"]


def test_a_gemm_follows_the_pixel_order_of_a_flattened_image() -> None:
    assert operators_of("Flatten, then Gemm") == ["RESHAPE", "FULLY_CONNECTED"]


@pytest.mark.parametrize("name", ["pointwise", "channel shuffle", "HardSigmoid of PyTorch"])
def test_the_same_graph_gives_the_same_bytes(name: str) -> None:
    metadata = tflite.TfliteMetadata("net", labels=("a", "b"))
    model, again = CASES[name].make(), CASES[name].make()
    plan = plans.minmax(model, graphs.feeds(model))
    assert tflite_bytes(model, metadata=metadata) == tflite_bytes(again, metadata=metadata)
    assert tflite_bytes(model, "int8", plan) == tflite_bytes(again, "int8", plan)


def test_every_constant_is_aligned_for_vector_instructions() -> None:
    data = tflite_bytes(CASES["grouped"].make())
    weight = CASES["grouped"].make().graph.initializers["c0"].const_value
    assert weight is not None
    ohwi = np.ascontiguousarray(weight.numpy().transpose(0, 2, 3, 1)).tobytes()
    assert data.index(ohwi) % 16 == 0


def test_writing_leaves_the_very_bytes_and_nothing_else(tmp_path: Path) -> None:
    model, path = CASES["pointwise"].make(), tmp_path / "model.tflite"
    tflite.write(model, path)
    assert path.read_bytes() == tflite_bytes(model)
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match=r"nowhere.* cannot be written"):
        tflite.write(CASES["pointwise"].make(), tmp_path / "nowhere" / "model.tflite")
