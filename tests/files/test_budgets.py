"""Files of few bytes that ask for much: refused, or read in a time that grows with their size."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

from edgeconv.errors import ArtifactRefused
from edgeconv.files.onnx import memory
from edgeconv.files.onnx.nodes import is_view
from edgeconv.files.read import read_operations
from edgeconv.runtime import onnx_functions
from edgeconv.runtime.open import open_session
from edgeconv.runtime.ort import OrtSession
from edgeconv.runtime.session import SessionOptions
from edgeconv.verify.audit.any_file import audit
from edgeconv.verify.inspect.inspection import inspect
from tests.helpers.tflite_edits import edited

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
SHAPE = [1, 2, 4, 4]


def onnx_file(place: Path, nodes: list[Any], functions: list[Any] | None = None) -> Path:
    output = nodes[-1].output[0]
    constants = [
        numpy_helper.from_array(np.float32(0.1), "scale"),
        numpy_helper.from_array(np.int8(0), "zero"),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=OPSETS, functions=functions or [], ir_version=8)
    path = place / "model.onnx"
    onnx.save(model, path)
    return path


def in_memory(path: Path) -> OrtSession:
    return OrtSession(path.read_bytes(), SessionOptions())


def chain(kind: str, length: int) -> list[Any]:
    names = ["x", *(f"v{i}" for i in range(length))]
    return [helper.make_node(kind, [a], [b]) for a, b in pairwise(names)]


def tflite_file(place: Path, kind: int, edges: list[tuple[list[int], int]], tensors: int) -> Path:
    quantization = schema.QuantizationParametersT(scale=[0.1], zeroPoint=[0])
    int8 = schema.TensorType.INT8
    held = [schema.TensorT([1, 4, 4, 2], int8, 0, f"t{i}", quantization) for i in range(tensors)]
    operators = [schema.OperatorT(inputs=ins, outputs=[out]) for ins, out in edges]
    graph = schema.SubGraphT(tensors=held, inputs=[0], outputs=[tensors - 1], operators=operators)
    code = schema.OperatorCodeT(deprecatedBuiltinCode=kind, builtinCode=kind)
    model = schema.ModelT(3, [code], [graph], buffers=[schema.BufferT()])
    builder = flatbuffers.Builder(1 << 12)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = place / "model.tflite"
    path.write_bytes(bytes(builder.Output()))
    return path


def test_every_node_of_a_chain_is_looked_at_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each asked for what is before it, or behind it, would be the square of their number."""
    asked = 0

    def counted(node: ir.Node | None) -> bool:
        nonlocal asked
        asked += 1
        return is_view(node)

    monkeypatch.setattr(memory, "is_view", counted)
    for kind in ("Identity", "Relu", "Flatten"):
        asked = 0
        read_operations(onnx_file(tmp_path, chain(kind, 500)))
        assert asked < 10 * 500, kind


def test_long_chains_are_inspected_and_audited(tmp_path: Path) -> None:
    path = onnx_file(tmp_path, chain("Relu", 500))
    found = inspect(read_operations(path))
    assert found.memory.peak_bytes == 2 * 4 * 32
    assert len(audit(path).operations.operations) == 500


def test_parts_that_are_joined_again_and_again_are_followed_once(tmp_path: Path) -> None:
    """Forty concatenations of a tensor with itself have a billion ways through them."""
    onnx_path = onnx_file(
        tmp_path,
        [
            helper.make_node("Concat", [f"v{i}" if i else "x"] * 2, [f"v{i + 1}"], axis=1)
            for i in range(40)
        ]
        + [helper.make_node("Concat", ["x", "v40"], ["end"], axis=1)],
    )
    join = schema.BuiltinOperator.CONCATENATION
    lite = tflite_file(tmp_path, join, [([i, i], i + 1) for i in range(40)], 41)
    for path in (onnx_path, lite):
        audit(path)
        inspect(read_operations(path))


def test_an_operator_that_reads_what_it_writes_is_audited(tmp_path: Path) -> None:
    join = schema.BuiltinOperator.CONCATENATION
    audit(tflite_file(tmp_path, join, [([0, 1], 1)], 2))


@pytest.mark.parametrize("calls_itself", [False, True])
def test_functions_that_unfold_to_a_billion_nodes_are_refused(
    tmp_path: Path, calls_itself: bool
) -> None:
    def function(number: int) -> Any:
        called = "f0" if calls_itself else f"f{number + 1}"
        last = number == 29 and not calls_itself
        calls = [
            helper.make_node("Relu" if last else called, [a], [b], domain="" if last else "own")
            for a, b in (("a", "b"), ("b", "c"))
        ]
        return helper.make_function("own", f"f{number}", ["a"], ["c"], calls, OPSETS)

    call = helper.make_node("f0", ["x"], ["y"], domain="own")
    path = onnx_file(tmp_path, [call], [function(i) for i in range(1 if calls_itself else 30)])
    for read in (
        read_operations,
        open_session,
        lambda path: OrtSession(path.read_bytes(), SessionOptions()),
    ):
        with pytest.raises(ArtifactRefused, match="nodes, or a function that calls itself"):
            read(path)


def test_functions_in_branches_are_unfolded_too(tmp_path: Path) -> None:
    def body(called: str) -> list[Any]:
        domain = "own" if called.startswith("f") else ""
        nodes = [helper.make_node(called, ["a"], [name], domain=domain) for name in "bc"]
        output = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
        branch = helper.make_graph(nodes, "branch", [], [output])
        kept = helper.make_node("Identity", ["a"], ["c"])
        both = {"then_branch": branch, "else_branch": branch}
        return [helper.make_node("If", ["yes"], ["d"], **both), kept]

    functions = [
        helper.make_function(
            *("own", f"f{number}", ["a"], ["c"]),
            body("Relu" if number == 29 else f"f{number + 1}"),
            OPSETS,
        )
        for number in range(30)
    ]
    path = onnx_file(tmp_path, [helper.make_node("f0", ["x"], ["y"], domain="own")], functions)
    with pytest.raises(ArtifactRefused, match="more than 50,000 nodes"):
        open_session(path)


def test_a_net_of_honest_functions_runs(tmp_path: Path) -> None:
    body = [helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Neg", ["b"], ["c"])]
    functions = [helper.make_function("own", "f", ["a"], ["c"], body, OPSETS)]
    path = onnx_file(tmp_path, [helper.make_node("f", ["x"], ["y"], domain="own")], functions)
    session = open_session(path)
    (given,) = session.inputs
    (result,) = session.run([np.full(given.shape, 2, np.float32)])
    assert (result == -2).all()


def test_more_nodes_than_any_net_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_functions, "MOST_NODES", 50)
    path = onnx_file(tmp_path, chain("Relu", 51))
    for read in (read_operations, audit):
        with pytest.raises(ArtifactRefused, match="more than 50 nodes"):
            read(path)


def test_sizes_below_zero_are_of_no_tensor(tmp_path: Path) -> None:
    path = onnx_file(tmp_path, [helper.make_node("Conv", ["v0", "weight"], ["y"])])
    model = onnx.load(path)
    weight = numpy_helper.from_array(np.zeros((3, 2, 1, 1), np.float32), "weight")
    model.graph.initializer.append(weight)
    model.graph.node.insert(0, helper.make_node("Own", ["x"], ["v0"], domain="own"))
    for name, shape in (("v0", [1, -2, 4, 4]), ("y", [1, -3, 4, 4])):
        stated = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        model.graph.value_info.append(stated)
    path.write_bytes(model.SerializeToString())
    assert inspect(read_operations(path)).to_json()


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = onnx_file(tmp_path, chain("Relu", 3))
    path.write_bytes(path.read_bytes().replace(b"Relu", b"R\xfflu"))
    with pytest.raises(ArtifactRefused, match="no UTF-8"):
        read_operations(path)


def test_bytes_that_a_file_gives_a_thousand_times_are_refused(tmp_path: Path) -> None:
    def repeat(model: Any) -> None:
        model.buffers.append(schema.BufferT(data=np.zeros(2**20, np.uint8)))
        model.metadata = [schema.MetadataT(f"m{i}", 1) for i in range(1000)]

    path = tflite_file(tmp_path, schema.BuiltinOperator.LOGISTIC, [([0], 1)], 2)
    edited(path, repeat)
    with pytest.raises(ArtifactRefused, match="again and again"):
        read_operations(path)


@pytest.mark.parametrize(
    ("shape", "said"),
    [([2**31 - 1] * 4, "more values than any memory"), ([1] * 60_000, "60000 numbers")],
)
def test_a_shape_that_no_tensor_has_is_refused(tmp_path: Path, shape: list[int], said: str) -> None:
    def reshape(model: Any) -> None:
        model.subgraphs[0].tensors[1].shape = shape

    path = tflite_file(tmp_path, schema.BuiltinOperator.LOGISTIC, [([0], 1)], 2)
    edited(path, reshape)
    with pytest.raises(ArtifactRefused, match=said):
        inspect(read_operations(path))
