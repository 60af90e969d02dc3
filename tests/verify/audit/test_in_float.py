"""`audit` names what onnxruntime computes in float between pairs; its own graph is the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeconv.errors import ArtifactRefused
from edgeconv.verify.audit.any_file import audit
from edgeconv.verify.audit.findings import NO_KERNEL

SHAPE = (1, 4, 8, 8)
#: Each stands between a DequantizeLinear and a QuantizeLinear, behind one another.
STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "softplus": ("Softplus", {}),
    "sigmoid": ("Sigmoid", {}),
    "abs": ("Abs", {}),
    "leaky": ("LeakyRelu", {"alpha": 0.1}),
    "tanh": ("Tanh", {}),
    "pool": ("MaxPool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    "neg": ("Neg", {}),
    "turned": ("Transpose", {"perm": [0, 1, 3, 2]}),
    "root": ("Sqrt", {}),
    "mean": ("AveragePool", {"kernel_shape": [2, 2]}),
    "sign": ("Softsign", {}),
    "softmax": ("Softmax", {"axis": 1}),
    "clamped": ("Relu", {}),
    "doubled": ("Resize", {"mode": "nearest"}),
    "smoothed": ("Resize", {"mode": "linear"}),
}
#: What nodes read besides the one before.
CONSTANTS = {"conv": ["filter"], "doubled": ["", "twice"], "smoothed": ["", "twice"]}


def chain(names: list[str]) -> onnx.ModelProto:
    """A convolution in QDQ form, and the named steps behind it.

    Its ends are float: what reads or writes a signed end runs in float on x86-64, whatever it is.
    """
    weight = np.random.default_rng(0).integers(-127, 128, (4, 4, 1, 1)).astype(np.int8)
    constants = {"scale": np.float32(0.02), "zero": np.int8(0), "weight": weight}
    constants["twice"] = np.array([1, 1, 2, 2], np.float32)
    nodes = [
        helper.make_node("DequantizeLinear", ["weight", "scale", "zero"], ["filter"]),
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["x/int8"]),
    ]
    for name in ("conv", *names):
        op_type, attributes = STEPS.get(name, ("Conv", {}))
        read = [f"{name}/in", *CONSTANTS.get(name, [])]
        nodes += [
            helper.make_node("DequantizeLinear", [nodes[-1].output[0], "scale", "zero"], read[:1]),
            helper.make_node(op_type, read, [f"{name}/out"], name=name, **attributes),
            helper.make_node("QuantizeLinear", [f"{name}/out", "scale", "zero"], [f"{name}/int8"]),
        ]
    last = nodes[-1].output[0]
    nodes.append(helper.make_node("DequantizeLinear", [last, "scale", "zero"], ["y"]))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def kept_in_float(path: Path, place: Path) -> set[str]:
    """Nodes that read a DequantizeLinear in the graph onnxruntime makes of a file."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(place / "optimized.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    graph = onnx.load(options.optimized_model_filepath).graph
    reals = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    return {node.name for node in graph.node if reals & set(node.input)}


def test_what_onnxruntime_computes_in_float_is_named(tmp_path: Path) -> None:
    path = tmp_path / "chain.onnx"
    onnx.save(chain(list(STEPS)), path)
    found = audit(path)
    (named,) = (finding for finding in found.findings if finding.rule == NO_KERNEL)
    assert set(named.nodes) == kept_in_float(path, tmp_path)
    assert {"softplus", "abs", "tanh"} <= set(named.nodes)
    assert "Softplus" in named.message


@pytest.mark.parametrize("zero", [-128, -127])
def test_a_clamp_that_the_grid_makes_anyway_is_not_in_float(tmp_path: Path, zero: int) -> None:
    path = tmp_path / "chain.onnx"
    model = chain(["pool", "clamped"])
    (stored,) = (array for array in model.graph.initializer if array.name == "zero")
    stored.CopyFrom(numpy_helper.from_array(np.array(zero, np.int8), "zero"))
    onnx.save(model, path)
    named = [finding.nodes for finding in audit(path).findings if finding.rule == NO_KERNEL]
    assert {name for nodes in named for name in nodes} == kept_in_float(path, tmp_path)


def test_a_clamp_without_a_scale_behind_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.onnx"
    model = chain(["clamped"])
    (quantize,) = (node for node in model.graph.node if "clamped/out" in node.input)
    del quantize.input[1:]
    onnx.save(model, path)
    with pytest.raises(ArtifactRefused):
        audit(path)


@pytest.mark.parametrize(("name", "throughout"), [("sigmoid", True), ("softplus", False)])
def test_such_a_file_is_not_int8_throughout(tmp_path: Path, name: str, throughout: bool) -> None:
    path = tmp_path / "chain.onnx"
    onnx.save(chain([name]), path)
    found = audit(path)
    assert found.int8_share == 1.0
    assert found.is_int8 == throughout
    assert found.why_not == ("" if throughout else f"{NO_KERNEL}: {name}")
