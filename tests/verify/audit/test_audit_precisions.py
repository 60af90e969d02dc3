"""Audits of files between float and int8, and of files onnxruntime has optimized."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime
import pytest
from torch import nn

from edgeconv.export import tflite
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.files.read import read_operations
from edgeconv.quantize.plan.int16 import int16_plan, with_planned_weights
from edgeconv.quantize.recipe.recipes import quantize
from edgeconv.verify.audit.any_file import audit
from tests.quantize.nets import Mobile, hub, photos


@pytest.fixture(scope="module")
def planned():
    inputs = photos(12)
    return quantize(hub(Mobile()), lambda: iter(inputs), recipe="fast")


@pytest.fixture(scope="module")
def files(planned, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("files")
    exact = with_planned_weights(planned.model, planned.plan)
    for precision in ("weight-only-int8", "dynamic-int8", "int16x8"):
        plan = planned.plan
        if precision == "int16x8":
            plan = int16_plan(planned.model, planned.observations, plan)
        path = directory / f"{precision}.onnx"
        onnx_writer.write(exact, path, precision, plan)
        tflite.write(exact, directory / f"{precision}.tflite", precision, plan)
    onnx_writer.write(planned.model, directory / "int8.onnx", "int8", planned.plan, io="float32")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(directory / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(directory / "int8.onnx", options)
    return directory


def test_what_onnxruntime_optimized_is_as_much_int8_as_before(planned, files: Path) -> None:
    kinds = {node.op_type for node in onnx.load(files / "optimized.onnx").graph.node}
    assert {"QLinearConv", "QLinearGlobalAveragePool", "QGemm"} <= kinds
    before, after = (read_operations(files / name) for name in ("int8.onnx", "optimized.onnx"))
    assert after.multiply_adds == before.multiply_adds
    assert after.int8_share == 1.0
    assert audit(files / "optimized.onnx").islands == ()


@pytest.mark.parametrize("name", ["weight-only-int8", "dynamic-int8", "int16x8"])
@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_none_of_them_passes_for_int8(files: Path, name: str, suffix: str) -> None:
    found = audit(files / f"{name}{suffix}")
    assert not found.is_int8
    assert found.int8_share == 0
    rules = {finding.rule for finding in found.findings}
    assert ("16-bit activations" in rules) == (name == "int16x8")
    assert "weights per tensor" not in rules


def test_a_dynamic_file_of_another_tool_is_told_from_ours(files: Path, tmp_path: Path) -> None:
    """onnxruntime's own dynamic quantizer takes one scale a tensor unless asked."""
    from onnxruntime.quantization import quantize_dynamic

    source = tmp_path / "float.onnx"
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
    onnx_writer.write(hub(net), source)
    quantize_dynamic(source, tmp_path / "theirs.onnx")
    rules = {finding.rule for finding in audit(tmp_path / "theirs.onnx").findings}
    assert "weights per tensor" in rules
