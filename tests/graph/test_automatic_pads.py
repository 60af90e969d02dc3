"""`auto_pad` of every operator that has it, against onnxruntime."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeconv.graph.passes.automatic_pads import state_automatic_pads

#: Operator, shape of its weight.
OPERATORS = {
    "Conv": (4, 3, 3, 2),
    "ConvTranspose": (3, 4, 3, 2),
    "MaxPool": None,
    "AveragePool": None,
    "LpPool": None,
}


def graph(operator: str, **attributes: object) -> onnx.ModelProto:
    weight = OPERATORS[operator]
    initializers = []
    if weight is None:
        attributes["kernel_shape"] = [3, 2]
    else:
        values = np.random.default_rng(0).normal(size=weight).astype(np.float32)
        initializers.append(numpy_helper.from_array(values, "weight"))
    node = helper.make_node(
        operator, ["x", *(i.name for i in initializers)], ["y"], name="node", **attributes
    )
    ends = (("x", [1, 3, 9, 10]), ("y", None))
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends)
    made = helper.make_graph([node], "net", [x], [y], initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def run(model: onnx.ModelProto) -> np.ndarray:
    x = np.random.default_rng(1).normal(size=(1, 3, 9, 10)).astype(np.float32)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


@pytest.mark.parametrize(
    ("operator", "automatic", "strides"),
    product(OPERATORS, ("SAME_UPPER", "SAME_LOWER", "VALID"), ([1, 1], [2, 3])),
)
def test_stated_pads_give_what_automatic_ones_do(operator, automatic, strides):
    proto = graph(operator, auto_pad=automatic, strides=strides)
    wanted = run(proto)
    model = ir.from_proto(proto)
    state_automatic_pads(model)
    assert "auto_pad" not in model.graph.node(0).attributes
    assert np.array_equal(run(ir.to_proto(model)), wanted)


def test_dilated_windows_reach_further():
    model = ir.from_proto(graph("Conv", auto_pad="SAME_UPPER", dilations=[2, 3]))
    state_automatic_pads(model)
    assert list(model.graph.node(0).attributes["pads"].as_ints()) == [2, 1, 2, 2]


@pytest.mark.parametrize("automatic", ["NOTSET", "SAME_UPPER", "SAME_LOWER"])
def test_a_stated_output_shape_becomes_pads(automatic):
    proto = graph("ConvTranspose", auto_pad=automatic, strides=[2, 3], output_shape=[18, 29])
    model = ir.from_proto(proto)
    state_automatic_pads(model)
    assert not {"auto_pad", "output_shape"} & set(model.graph.node(0).attributes)
    assert np.array_equal(run(ir.to_proto(model)), run(proto))
