"""The audit on edgeconv's own files, on onnxruntime's, and on files broken for the purpose."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from torch import Tensor, nn

from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.export import tflite
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.quantize.recipe.recipes import quantize
from edgeconv.verify.audit.any_file import audit
from edgeconv.verify.audit.findings import Audit
from edgeconv.verify.parity.cut_tflite import isolate
from tests.helpers.tampering import change_onnx, change_tflite_data, change_tflite_scale
from tests.helpers.tiny_models import TinyNet
from tests.quantize.nets import Mobile, hub, photos


class Swish(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.act = nn.Hardswish()
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.second(self.act(self.first(x))))


class Reader(CalibrationDataReader):
    def __init__(self) -> None:
        self._batches = iter([{"input": image} for image in photos(4)])

    def get_next(self):
        return next(self._batches, None)


def rules(found: Audit) -> set[str]:
    return {finding.rule for finding in found.findings}


def finding(found: Audit, rule: str):
    return next(f for f in found.findings if f.rule == rule)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small nets in files of edgeconv and of onnxruntime's quantizer."""
    place = tmp_path_factory.mktemp("audited")
    inputs = photos(4)
    for name, module in (("mobile", Mobile()), ("swish", Swish())):
        model = hub(module)
        planned = quantize(model, lambda: iter(inputs))
        onnx_writer.write(model, place / f"{name}.onnx")
        int8 = place / f"{name}.int8.onnx"
        onnx_writer.write(planned.model, int8, "int8", planned.plan)
        tflite.write(
            planned.model,
            place / f"{name}.int8.tflite",
            "int8",
            planned.plan,
        )
        tflite.write(model, place / f"{name}.tflite")
    floats = place / "mobile.onnx"
    for name, options in {
        "qdq": {"quant_format": QuantFormat.QDQ, "per_channel": True},
        "per_tensor": {"quant_format": QuantFormat.QDQ, "per_channel": False},
        "qoperator": {"quant_format": QuantFormat.QOperator, "per_channel": True},
    }.items():
        quantize_static(
            floats,
            place / f"ort.{name}.onnx",
            Reader(),
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            **options,
        )
    bare = onnx.load(
        floats
    )  # the dynamic quantizer turns a Gemm's weight, but not its stated shape
    del bare.graph.value_info[:]
    quantize_dynamic(bare, place / "ort.dynamic.onnx")
    return {path.name: path for path in place.iterdir()}


@pytest.mark.parametrize("name", ["mobile.int8.tflite", "mobile.int8.onnx"])
def test_own_files_are_int8_throughout(files: dict[str, Path], name: str) -> None:
    found = audit(files[name])
    assert found.is_int8
    assert found.int8_share == 1.0
    assert found.islands == ()
    assert not [f for f in found.findings if f.severity == "error"]
    assert rules(found) <= {"float ends", "saturating kernels"}


@pytest.mark.parametrize("name", ["mobile.onnx", "mobile.tflite"])
def test_float_files_are_called_float(files: dict[str, Path], name: str) -> None:
    found = audit(files[name])
    assert found.int8_share == 0.0
    assert not found.is_int8
    assert "float file" in rules(found)


def test_an_operator_without_a_kernel_is_named(files: dict[str, Path]) -> None:
    pairs = finding(audit(files["swish.int8.onnx"]), "pairs without a kernel")
    assert pairs.nodes == ("act",)


def test_onnxruntimes_qdq_file(files: dict[str, Path]) -> None:
    found = audit(files["ort.qdq.onnx"])
    assert found.int8_share > 0.9
    assert "weights per tensor" not in rules(found)


def test_onnxruntimes_file_per_tensor(files: dict[str, Path]) -> None:
    found = finding(audit(files["ort.per_tensor.onnx"]), "weights per tensor")
    assert found.severity == "warning"
    assert len(found.nodes) >= 5


def test_onnxruntimes_qoperator_file(files: dict[str, Path]) -> None:
    found = audit(files["ort.qoperator.onnx"])
    assert found.int8_share > 0.9
    assert "saturating kernels" in rules(found)


def test_a_dynamic_file(files: dict[str, Path]) -> None:
    assert "dynamic quantization" in rules(audit(files["ort.dynamic.onnx"]))


def test_seven_bit_weights_cannot_saturate(files: dict[str, Path], tmp_path: Path) -> None:
    quantize_static(
        files["mobile.onnx"],
        tmp_path / "reduced.onnx",
        Reader(),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )
    assert "saturating kernels" not in rules(audit(tmp_path / "reduced.onnx"))


def copied(path: Path, place: Path) -> Path:
    copy = place / path.name
    copy.write_bytes(path.read_bytes())
    return copy


def test_a_pool_between_two_scales(files: dict[str, Path], tmp_path: Path) -> None:
    path = copied(files["swish.int8.tflite"], tmp_path)
    change_tflite_scale(path, "logits", lambda scale: scale * 2)
    found = audit(path)
    assert finding(found, "two scales").nodes == ("logits",)
    assert not found.is_int8


def test_a_bias_of_another_scale(files: dict[str, Path], tmp_path: Path) -> None:
    path = copied(files["mobile.int8.tflite"], tmp_path)
    change_tflite_scale(path, "project.weight", lambda scale: scale * 2)
    assert finding(audit(path), "bias scale").nodes == ("project",)


def test_weights_of_minus_128(files: dict[str, Path], tmp_path: Path) -> None:
    path = copied(files["mobile.int8.tflite"], tmp_path)

    def lowest(weight):
        weight[0] = -128
        return weight

    change_tflite_data(path, "project.weight", lowest)
    assert finding(audit(path), "weights of -128").nodes == ("project",)


def test_asymmetric_weights(files: dict[str, Path], tmp_path: Path) -> None:
    path = copied(files["mobile.int8.onnx"], tmp_path)
    change_onnx(path, "project.weight::zero_point", lambda zero: zero + np.int8(3))
    assert finding(audit(path), "asymmetric weights").nodes == ("project",)


def test_a_layer_with_float_weights_is_a_float_island(
    files: dict[str, Path], tmp_path: Path
) -> None:
    model = ir.load(files["mobile.int8.onnx"])
    node = next(n for n in model.graph if n.name == "project")
    dequantize = node.inputs[1].producer()
    proto = onnx.load(files["mobile.int8.onnx"])
    integers = numpy_helper.to_array(
        next(i for i in proto.graph.initializer if i.name == dequantize.inputs[0].name)
    )
    floats = numpy_helper.from_array(integers.astype(np.float32), "project.floats")
    proto.graph.initializer.append(floats)
    next(n for n in proto.graph.node if n.name == "project").input[1] = "project.floats"
    onnx.save(proto, tmp_path / "half.onnx")
    found = finding(audit(tmp_path / "half.onnx"), "half a pair")
    assert found.nodes == ("project",)


def test_idle_pairs_and_clamps(tmp_path: Path) -> None:
    scalars = [
        numpy_helper.from_array(np.float32(0.1), "s"),
        numpy_helper.from_array(np.int8(0), "z"),
    ]
    pair = ["s", "z"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", *pair], ["q"]),
        helper.make_node("DequantizeLinear", ["q", *pair], ["d"]),
        helper.make_node("QuantizeLinear", ["d", *pair], ["q2"], name="again"),
        helper.make_node("DequantizeLinear", ["q2", *pair], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 4, 4]) for n in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], scalars)
    path = tmp_path / "idle.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    assert finding(audit(path), "idle pairs").nodes == ("again",)


@pytest.mark.slow
def test_tensorflows_converter(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    net = tf.keras.Sequential(
        [
            tf.keras.layers.Input((12, 12, 3), batch_size=1),
            tf.keras.layers.Conv2D(8, 3, activation="relu"),
            tf.keras.layers.DepthwiseConv2D(3),
            tf.keras.layers.GlobalAveragePooling2D(),
            tf.keras.layers.Dense(5, activation="softmax"),
        ]
    )
    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    weights_only = tmp_path / "weights.tflite"
    weights_only.write_bytes(converter.convert())
    converter.representative_dataset = lambda: (
        [image.transpose(0, 2, 3, 1)] for image in photos(4)
    )
    whole = tmp_path / "whole.tflite"
    whole.write_bytes(converter.convert())
    found = audit(whole)
    assert found.int8_share == 1.0
    assert not [f for f in found.findings if f.severity == "error"]
    assert "float ends" in rules(found)
    assert audit(weights_only).int8_share < 1.0


def test_what_is_no_model_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        audit(tmp_path / "absent.onnx")
    for suffix in (".onnx", ".tflite"):
        damaged = tmp_path / f"damaged{suffix}"
        damaged.write_bytes(b"\x00" * 40)
        with pytest.raises(ArtifactRefused):
            audit(damaged)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_damaged_bytes_are_audited_or_refused(tmp_path: Path) -> None:
    path = TinyNet().int8_tflite(tmp_path / "m.tflite")
    good = path.read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(300):
        data = bytearray(good)
        for place in rng.integers(8, len(data), 2):
            data[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
        path.write_bytes(bytes(data))
        for read in (audit, isolate):
            with contextlib.suppress(ArtifactRefused):
                read(path)
