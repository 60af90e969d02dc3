"""`audit` finds parts that one int8 scale has lost, in files of other tools."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx.write import write
from edgeconv.nets.load import load_net
from edgeconv.verify.audit.any_file import audit
from edgeconv.verify.audit.lost_parts import row_sums
from tests.helpers.heads import write_heads


class Reader(CalibrationDataReader):
    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.left = [generator.normal(size=(1, 3, 64, 64)).astype(np.float32) for _ in range(4)]

    def get_next(self):
        return {"input": self.left.pop()} if self.left else None


@pytest.mark.parametrize(
    ("head", "lost"), [("joined", True), ("one_layer", True), ("alike", False)]
)
def test_onnxruntimes_quantizer(tmp_path: Path, head: str, lost: bool) -> None:
    net = load_net(f"{write_heads(tmp_path)}:{head}", weights="auto")
    hub = capture(net.module, torch.zeros(1, 3, 64, 64), name="net")
    write(hub, tmp_path / "f.onnx")
    onnxruntime.set_default_logger_severity(3)
    quantize_static(
        tmp_path / "f.onnx",
        tmp_path / "q.onnx",
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QInt8,
        extra_options={"ForceQuantizeNoInputCheck": True},
    )
    found = [f for f in audit(tmp_path / "q.onnx").findings if f.rule == "lost parts"]
    assert bool(found) is lost
    if lost:
        assert not audit(tmp_path / "q.onnx").is_int8


def test_large_layers_are_made_reals_a_part_at_a_time() -> None:
    """The sums of all at once in float64, in no more memory than some of them take."""
    weights = np.random.default_rng(0).integers(-127, 128, (512, 128, 8, 8), dtype=np.int8)
    scale, zero = np.linspace(0.01, 1, 512), np.array([3])
    reals = (weights.reshape(512, -1).astype(np.float64) - 3) * scale[:, None]
    tracemalloc.start()
    above, below = row_sums(weights, scale, zero)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(above, reals.clip(min=0).sum(axis=1))
    np.testing.assert_allclose(below, reals.clip(max=0).sum(axis=1))
    assert peak < reals.nbytes
