"""Nets written elsewhere go the whole way: captured, quantized, written twice, and checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeconv.export.options import ExportOptions
from edgeconv.export.pipeline import export_bundle
from edgeconv.files.memory import float_islands
from edgeconv.files.read import read_operations
from tests.export.tflite import engines

NETS = Path(__file__).with_name("user_nets.py")
OPTIONS = ExportOptions(int8=True, calib_samples=8)

#: Net -> what computes in float in its int8 file, by TFLite operator.
FLOAT: dict[str, set[str]] = {
    "cifar_resnet": set(),
    "ghostnet": set(),
    "mnasnet": set(),
    "unet": set(),
    "unet_aligned": set(),
    "odd_pools": set(),
    "shuffles": set(),
    "several_outputs": set(),
    "lrn_net": {"MUL", "CONV_2D", "RSQRT", "SQRT"},
    "convnext": {"MEAN", "SUB", "MUL", "ADD", "RSQRT"},
    "other_norms": {"MEAN", "SUB", "MUL", "ADD", "RSQRT"},
    "activations": {"ABS", "NEG", "EXP", "ADD", "LOG", "RELU", "DIV", "PRELU"},
    "reshaping": {"SUM"},
    "oddments": {"SOFTMAX", "MUL", "POW", "MEAN"},
    "gates": {"MUL", "SUM", "SQRT", "MAXIMUM", "DIV"},
}
#: A shuffle between two grouped convolutions cannot do without; nothing else transposes.
TRANSPOSES = {"shuffles": 1}


@pytest.mark.parametrize("name", FLOAT)
def test_a_net_written_elsewhere_passes_every_stage(name: str, tmp_path: Path) -> None:
    bundle = export_bundle(f"{NETS}:{name}", OPTIONS, out=tmp_path / name)
    assert bundle.manifest["parity"]["failed"] == []
    assert bundle.parity_passed
    for file in ("model.tflite", "model.int8.tflite"):
        operators = engines.operators((tmp_path / name / file).read_bytes())
        assert operators.count("TRANSPOSE") == TRANSPOSES.get(name, 0)
    islands = float_islands(read_operations(tmp_path / name / "model.int8.tflite"))
    assert {operation.type for island in islands for operation in island} == FLOAT[name]
