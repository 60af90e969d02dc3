"""What an ONNX file computes and moves, against figures worked out by hand or published."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime.quantization as ortq
import pytest
import torch
from onnx import TensorProto, helper

from edgeconv.errors import ArtifactRefused
from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.files.memory import activation_memory, float_islands
from edgeconv.files.operations import ModelOperations
from edgeconv.files.read import read_operations
from edgeconv.nets.load import load_net
from edgeconv.verify.inspect.inspection import inspect
from tests.helpers.operations import node, weights, write_onnx


def of_net(name: str, directory: Path) -> ModelOperations:
    net = load_net(name, weights="random")
    graph = capture(net.module, torch.zeros(1, 3, 224, 224), name=name)
    onnx_writer.write(graph, directory / "net.onnx")
    return read_operations(directory / "net.onnx")


@pytest.mark.parametrize(
    ("name", "multiply_adds"),
    [
        ("mobilenet_v2", 300_774_272),
        ("squeezenet1_1", 349_151_936),
        pytest.param("resnet50", 4_089_184_256, marks=pytest.mark.slow),  # torchvision: 4.09 G
    ],
)
def test_multiply_adds_are_the_published_ones(name, multiply_adds, tmp_path):
    assert of_net(name, tmp_path).multiply_adds == multiply_adds


def test_a_convolution_and_its_relu_go_through_memory_once(tmp_path):
    # 1 x 8 x 4 x 4 -> 3 x 3, 8 to 16 channels -> ReLU -> flatten -> 256 to 5.
    path = write_onnx(
        tmp_path / "m.onnx",
        [
            node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
            node("Relu", ["c"], ["r"]),
            node("Flatten", ["r"], ["f"]),
            node("Gemm", ["f", "v", "d"], ["y"], transB=1),
        ],
        {
            "w": weights(16, 8, 3),
            "b": np.zeros(16, np.float32),
            "v": np.zeros((5, 256), np.float32),
            "d": np.zeros(5, np.float32),
        },
    )
    read = read_operations(path)
    assert read.multiply_adds == 16 * 16 * 8 * 9 + 256 * 5
    assert read.parameters == 16 * 8 * 9 + 16 + 256 * 5 + 5
    conv, relu, flatten, gemm = read.operations
    assert conv.memory_access == 4 * (128 + 1152 + 16 + 256)
    assert relu.memory_access == flatten.memory_access == 0
    assert gemm.memory_access == 4 * (256 + 1280 + 5 + 5)
    memory = activation_memory(read)
    assert memory.sum_bytes == 4 * (128 + 256 + 5)
    assert memory.peak_bytes == 4 * (128 + 256)
    assert memory.peak_at == "c"
    assert read.intensity == read.multiply_adds / read.memory_access


def test_a_relu_with_a_second_reader_before_it_is_an_operator_of_its_own(tmp_path):
    path = write_onnx(
        tmp_path / "m.onnx",
        [
            node("Conv", ["x", "w"], ["c"]),
            node("Relu", ["c"], ["r"]),
            node("Add", ["c", "r"], ["y"]),
        ],
        {"w": weights(8, 8)},
    )
    read = read_operations(path)
    assert [o.memory_access for o in read.operations] == [
        4 * (128 + 64 + 128),
        4 * (128 + 128),
        4 * 3 * 128,
    ]
    assert activation_memory(read).peak_bytes == 4 * 3 * 128


def test_batchnorm_behind_a_convolution_is_folded_and_elsewhere_counts(tmp_path):
    ones = {name: np.ones(8, np.float32) for name in ("s", "o", "m", "v")}
    path = write_onnx(
        tmp_path / "m.onnx",
        [
            node("Conv", ["x", "w"], ["c"]),
            node("BatchNormalization", ["c", "s", "o", "m", "v"], ["n"]),
            node("Relu", ["n"], ["r"]),
            node("BatchNormalization", ["r", "s", "o", "m", "v"], ["y"]),
        ],
        {"w": weights(8, 8), **ones},
    )
    conv, folded, relu, alone = read_operations(path).operations
    assert conv.memory_access > 0
    assert folded.memory_access == relu.memory_access == 0
    assert alone.memory_access == 4 * (128 + 4 * 8 + 128)


def quantized(tmp_path: Path, quant_format: ortq.QuantFormat) -> ModelOperations:
    """A file that onnxruntime's own quantizer made: convolution, ReLU, convolution, softmax."""
    source = write_onnx(
        tmp_path / "float.onnx",
        [
            node("Conv", ["x", "w", "b"], ["c"]),
            node("Relu", ["c"], ["r"]),
            node("Conv", ["r", "v", "d"], ["e"]),
            node("Softmax", ["e"], ["y"], axis=1),
        ],
        {
            "w": weights(16, 8),
            "b": np.zeros(16, np.float32),
            "v": weights(4, 16),
            "d": np.zeros(4, np.float32),
        },
    )

    class Reader(ortq.CalibrationDataReader):
        def __init__(self):
            self.left = [{"x": np.random.default_rng(1).random((1, 8, 4, 4), np.float32)}]

        def get_next(self):
            return self.left.pop() if self.left else None

    target = tmp_path / f"{quant_format}.onnx"
    ortq.quantize_static(
        source,
        target,
        Reader(),
        quant_format=quant_format,
        op_types_to_quantize=["Conv", "Relu"],
        per_channel=True,
    )
    return read_operations(target)


@pytest.mark.parametrize("quant_format", [ortq.QuantFormat.QDQ, ortq.QuantFormat.QOperator])
def test_both_forms_of_onnxruntimes_int8_are_int8_but_for_the_float_island(tmp_path, quant_format):
    read = quantized(tmp_path, quant_format)
    assert read.multiply_adds == 16 * 16 * 8 + 16 * 4 * 16
    assert read.parameters == 16 * 8 + 16 + 4 * 16 + 4
    assert read.int8_share == 1.0
    first = next(o for o in read.operations if "Conv" in o.type)
    scales = 0 if first.type == "Conv" else sum(t.bytes for t in first.reads if "_scale" in t.name)
    zeros = 0 if first.type == "Conv" else sum(t.bytes for t in first.reads if "_zero" in t.name)
    assert first.memory_access - scales - zeros == 128 + 128 + 4 * 16 + 256
    assert [[o.type for o in island] for island in float_islands(read)] == [["Softmax"]]


def test_integers_behind_a_view_are_the_integers_before_it(tmp_path):
    # Convolution -> flatten -> 128 to 5, with quantize and dequantize nodes on every edge.
    scale = {"s": np.float32(0.1), "z": np.int8(0)}

    def edge(name):
        return [
            node("QuantizeLinear", [name, "s", "z"], [f"{name}_q"]),
            node("DequantizeLinear", [f"{name}_q", "s", "z"], [f"{name}_dq"]),
        ]

    path = write_onnx(
        tmp_path / "m.onnx",
        [
            *edge("x"),
            node("DequantizeLinear", ["w", "s", "z"], ["w_dq"]),
            node("DequantizeLinear", ["v", "s", "z"], ["v_dq"]),
            node("Conv", ["x_dq", "w_dq"], ["c"]),
            *edge("c"),
            node("Flatten", ["c_dq"], ["f"]),
            *edge("f"),
            node("Gemm", ["f_dq", "v_dq"], ["g"], transB=1),
            node("QuantizeLinear", ["g", "s", "z"], ["g_q"]),
            node("DequantizeLinear", ["g_q", "s", "z"], ["y"]),
        ],
        {"w": weights(8, 8).astype(np.int8), "v": np.zeros((5, 128), np.int8), **scale},
    )
    read = read_operations(path)
    assert read.int8_share == 1.0
    assert activation_memory(read).sum_bytes == 128 + 128 + 5
    assert [o.memory_access for o in read.operations] == [128 + 64 + 128, 0, 128 + 640 + 5]


def test_float_weights_between_integers_are_multiplied_in_float(tmp_path):
    path = write_onnx(
        tmp_path / "m.onnx",
        [
            node("QuantizeLinear", ["x", "s", "z"], ["x_q"]),
            node("DequantizeLinear", ["x_q", "s", "z"], ["x_dq"]),
            node("Conv", ["x_dq", "w"], ["c"]),
            node("QuantizeLinear", ["c", "s", "z"], ["c_q"]),
            node("DequantizeLinear", ["c_q", "s", "z"], ["y"]),
        ],
        {"w": weights(8, 8), "s": np.float32(0.1), "z": np.int8(0)},
    )
    assert read_operations(path).int8_share == 0.0


def test_a_float_file_has_no_islands(tmp_path):
    path = write_onnx(tmp_path / "m.onnx", [node("Conv", ["x", "w"], ["y"])], {"w": weights(4, 8)})
    assert float_islands(read_operations(path)) == []


def test_a_dimension_that_is_not_fixed_counts_as_one_and_is_reported(tmp_path):
    path = write_onnx(
        tmp_path / "m.onnx",
        [node("Conv", ["x", "w"], ["y"])],
        {"w": weights(4, 8)},
        shape=("N", 8, 4, 4),
    )
    read = read_operations(path)
    assert read.inputs[0].shape == (None, 8, 4, 4)
    assert read.multiply_adds == 16 * 4 * 8
    assert inspect(read).unknown_shapes == 2


def test_local_functions_are_counted_where_they_are_called(tmp_path):
    opset = helper.make_opsetid("", 17)
    function = helper.make_function(
        "mine", "Twice", ["a", "w"], ["d"],
        [helper.make_node("Conv", ["a", "w"], ["b"]), helper.make_node("Conv", ["b", "w"], ["d"])],
        [opset],
    )  # fmt: skip
    path = write_onnx(
        tmp_path / "m.onnx",
        [node("Twice", ["x", "w"], ["y"], domain="mine")],
        {"w": weights(8, 8)},
    )
    model = onnx.load(path)
    model.opset_import.append(helper.make_opsetid("mine", 1))
    model.functions.append(function)
    onnx.save(model, path)
    assert read_operations(path).multiply_adds == 2 * 16 * 8 * 8


def file_of(tmp_path: Path, *nodes: onnx.NodeProto) -> Path:
    info = helper.make_tensor_value_info
    ends = [[info(name, TensorProto.FLOAT, [1, 8, 4, 4])] for name in ("x", "y")]
    model = helper.make_model(helper.make_graph(list(nodes), "g", *ends))
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    "nodes",
    [
        [helper.make_node("Conv", ["x"], ["y"])],
        [helper.make_node("Conv", [], ["y"])],
        [helper.make_node("Conv", ["x", "w"], [])],
        [helper.make_node("MatMul", [], ["y"])],
        [helper.make_node("Conv", ["x", "x"], ["y"], group=0)],
        [helper.make_node("Conv", ["x", "x"], ["y"], group="many")],
        [helper.make_node("Relu", ["y"], ["x2"]), helper.make_node("Relu", ["x2"], ["y"])],
        [helper.make_node("Flatten", ["y"], ["a"]), helper.make_node("Flatten", ["a"], ["y"])],
        [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Relu", ["x"], ["y"])],
    ],
    ids=lambda nodes: " ".join(f"{n.op_type}({len(n.input)})" for n in nodes),
)
def test_a_graph_that_contradicts_itself_is_read_or_refused_but_nothing_else(tmp_path, nodes):
    with contextlib.suppress(ArtifactRefused):
        inspect(read_operations(file_of(tmp_path, *nodes))).to_json()


def test_damaged_bytes_are_read_or_refused(tmp_path):
    path = write_onnx(
        tmp_path / "m.onnx",
        [node("Conv", ["x", "w"], ["c"]), node("Relu", ["c"], ["y"])],
        {"w": weights(4, 8)},
    )
    good = path.read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(300):
        data = bytearray(good)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(0, 256)
        path.write_bytes(bytes(data[: rng.integers(1, len(data) + 1)]))
        with contextlib.suppress(ArtifactRefused):
            inspect(read_operations(path)).to_json()
