"""Resizes and Pads that TFLite has no operator for, rewritten, against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgeconv.errors import NetRefused
from edgeconv.graph.passes.moves.cropping_pads import settle_pads
from edgeconv.graph.passes.moves.resizes import settle_resizes
from edgeconv.graph.passes.moves.turned_pads import pad_before_turning

SHAPE = (1, 3, 12, 9)


def graph(
    node: onnx.NodeProto, opset: int, shape: tuple[int, ...] = SHAPE, **held: Any
) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    constants = [numpy_helper.from_array(np.asarray(array), name) for name, array in held.items()]
    made = helper.make_graph([node], "net", [x], [y], constants)
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=8)
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def run(model: onnx.ModelProto) -> NDArray[np.float32]:
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    (made,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    return made  # type: ignore[no-any-return]  # of onnxruntime


def resize(opset: int = 18, shape: tuple[int, ...] = SHAPE, **given: Any) -> onnx.ModelProto:
    roi, sizes, scales = (given.pop(name, None) for name in ("roi", "sizes", "scales"))
    held: dict[str, Any] = {}
    if roi is not None:
        held["roi"] = np.array(roi, np.float32)
    if scales is not None:
        held["scales"] = np.array(scales, np.float32)
    else:
        held["sizes"] = np.array(sizes or (1, 3, 20, 5), np.int64)
    inputs = [name if name in held else "" for name in ("roi", "scales", "sizes")]
    while not inputs[-1]:
        inputs.pop()
    node = helper.make_node("Resize", ["x", *inputs], ["y"], "resize", **given)
    return graph(node, opset, shape, **held)


PLACES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
GRIDS = [
    {"mode": mode, "coordinate_transformation_mode": places, **stated}
    for mode in ("linear", "cubic")
    for places in PLACES
    for stated in ({"scales": [1, 1, 1.3, 0.7]}, {"sizes": [1, 3, 5, 21]})
] + [
    {"nearest_mode": rounding, "coordinate_transformation_mode": places, **stated}
    for rounding in ("ceil", "floor", "round_prefer_ceil", "round_prefer_floor")
    for places in PLACES
    for stated in ({"scales": [1, 1, 1.3, 0.7]}, {"sizes": [1, 3, 5, 21]})
]


@pytest.mark.parametrize("given", GRIDS, ids=str)
def test_a_resize_samples_as_before(given: dict[str, Any]) -> None:
    model = resize(**given)
    hub = ir.from_proto(model)
    settle_resizes(hub)
    assert np.allclose(run(ir.to_proto(hub)), run(model), atol=1e-5)


@pytest.mark.parametrize(
    "given",
    [
        {"mode": "linear", "antialias": 1},
        {"mode": "cubic", "antialias": 1, "sizes": [1, 3, 5, 4]},
        {"mode": "cubic", "cubic_coeff_a": -0.5},
        {"mode": "cubic", "exclude_outside": 1},
        {"mode": "linear", "opset": 19, "coordinate_transformation_mode": "half_pixel_symmetric"},
        {"mode": "linear", "axes": [3, 2], "scales": [0.6, 1.9]},
        {"mode": "nearest", "sizes": [1, 2, 5, 4]},
        {"mode": "nearest", "shape": (1, 3, 12), "sizes": [1, 3, 7]},
        {
            "mode": "linear",
            "coordinate_transformation_mode": "tf_crop_and_resize",
            "roi": [0, 0, 0.1, 0.3, 1, 1, 0.7, 0.9],
        },
    ],
    ids=str,
)
def test_what_only_onnx_resizes_by_becomes_gathers_and_products(given: dict[str, Any]) -> None:
    model = resize(**given)
    hub = ir.from_proto(model)
    settle_resizes(hub)
    assert "Resize" not in {node.op_type for node in hub.graph}
    assert np.allclose(run(ir.to_proto(hub)), run(model), atol=1e-5)


@pytest.mark.parametrize(
    "given", [{"mode": "linear"}, {"coordinate_transformation_mode": "asymmetric", "sizes": None}]
)
def test_what_tflite_resizes_by_stays_one_operator(given: dict[str, Any]) -> None:
    hub = ir.from_proto(resize(nearest_mode="floor", **{**given, "sizes": [1, 3, 24, 18]}))
    settle_resizes(hub)
    assert [node.op_type for node in hub.graph] == ["Resize"]


def test_a_number_outside_of_the_image_is_refused() -> None:
    rule = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 1.0}
    roi = [0, 0, -0.5, 0, 1, 1, 1.5, 1]
    with pytest.raises(NetRefused, match="resize fills what lies outside"):
        settle_resizes(ir.from_proto(resize(mode="linear", roi=roi, **rule)))


@pytest.mark.parametrize("mode", ["constant", "edge"])
@pytest.mark.parametrize("back", [(0, 3, 1, 2), (0, 1, 2, 3), (3, 0, 2, 1)])
def test_a_pad_between_two_transposes_comes_first(mode: str, back: tuple[int, ...]) -> None:
    pad = helper.make_node("Pad", ["t", "pads"], ["p"], "pad", mode=mode)
    model = graph(pad, 17, pads=np.array([0, 0, 1, 0, 0, 2, 0, 3], np.int64))
    del model.graph.value_info[:]
    turns = [
        helper.make_node("Transpose", ["x"], ["t"], "turn", perm=[0, 2, 3, 1]),
        pad,
        helper.make_node("Transpose", ["p"], ["y"], "back", perm=back),
    ]
    del model.graph.node[:]
    model.graph.node.extend(turns)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    hub = ir.from_proto(model)
    pad_before_turning(hub)
    kinds = [node.op_type for node in hub.graph]
    assert kinds == (["Pad"] if back == (0, 3, 1, 2) else ["Pad", "Transpose", "Transpose"])
    assert np.array_equal(run(ir.to_proto(hub)), run(model))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize(
    "amounts", [(0, 0, -2, 3, 0, 0, -1, 2), (0, -1, 0, 0, 0, 0, 0, 0), (0, 0, 2, -3, 0, 0, 3, -4)]
)
def test_pads_that_crop_and_pads_that_wrap(mode: str, amounts: tuple[int, ...]) -> None:
    node = helper.make_node("Pad", ["x", "pads"], ["y"], "pad", mode=mode)
    if mode == "wrap":
        amounts = tuple(abs(amount) for amount in amounts)
    model = graph(node, 19, pads=np.array(amounts, np.int64))
    hub = ir.from_proto(model)
    settle_pads(hub)
    left = [one for one in hub.graph if one.op_type == "Pad"]
    assert all((one.inputs[1].const_value.numpy() >= 0).all() for one in left)  # type: ignore[union-attr]  # a constant
    assert not (left and mode == "wrap")
    assert np.allclose(run(ir.to_proto(hub)), run(model), atol=1e-6)
