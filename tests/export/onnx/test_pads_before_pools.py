"""A Pad that pools read: no optimizer of onnxruntime may take it for the pools' own padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.graph.signs import is_nonnegative
from tests.export.tflite import engines
from tests.helpers.every_engine import onnx_results, tflite_results
from tests.helpers.hub import operators
from tests.helpers.tflite_bytes import tflite_bytes

SHAPE = (1, 3, 13, 16)
LOW = float("-inf")


class Padded(nn.Module):
    """A convolution whose values are mostly negative, then any function."""

    def __init__(self, function) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.other = nn.Conv2d(4, 4, 2, bias=False)
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self, self.conv(x) - 0.6)


NETS = {
    "maximum": lambda _, y: F.max_pool2d(F.pad(y, (0, 1, 0, 1)), 2, 1),
    "maximum, padded twice": lambda _, y: F.max_pool2d(F.pad(F.pad(y, (0, 1)), (0, 0, 0, 1)), 2),
    "maximum with padding": lambda _, y: F.max_pool2d(F.pad(y, (1, 1, 1, 1)), 3, 2, 1),
    "maximum, one axis": lambda _, y: F.max_pool1d(F.pad(y.mean(2), (1, 1)), 3, 2),
    "minimum": lambda _, y: -F.max_pool2d(-F.pad(y, (0, 1, 0, 1)), 2, 1),
    "two readers": lambda n, y: (
        F.max_pool2d(z := F.pad(y, (0, 1, 0, 1)), 2, 1) + F.avg_pool2d(z, 2, 1) + n.other(z)
    ),
    "as long as the kernel": lambda _, y: F.max_pool2d(F.pad(y.relu(), (2, 2, 2, 2)), 2, 2),
    "average": lambda _, y: F.avg_pool2d(F.pad(y, (0, 1, 1, 0)), 3, 2),
    "average, longer": lambda _, y: F.avg_pool2d(F.pad(y, (3, 3, 3, 3)), 2, 2),
    "average, rounded up": lambda _, y: F.avg_pool2d(F.pad(y, (0, 2, 1, 0)), 3, 2, ceil_mode=True),
    "average that does not count": lambda _, y: F.avg_pool2d(
        F.pad(y, (1, 1, 1, 1)), 3, 2, 1, count_include_pad=False
    ),
    "another number": lambda _, y: F.max_pool2d(F.pad(y, (1, 1, 1, 1), value=0.5), 3, 2),
    "lowest number": lambda _, y: F.max_pool2d(F.pad(y, (1, 0, 1, 0), value=LOW), 3, 2),
    "channels": lambda n, y: n.other(F.max_pool2d(F.pad(y, (1, 1, 1, 1, 1, 2)), 3, 2)[:, 1:5]),
    "cropped": lambda n, y: n.other(F.max_pool2d(F.pad(y, (-1, 2, 1, -2)), 3, 2)),
    "convolution": lambda n, y: n.other(F.pad(y, (0, 3, 1, 0))),
    "negative beside positive": lambda _, y: F.max_pool2d(
        torch.cat([y.relu(), torch.full_like(y, -0.3)], 1), 3, 2, 1
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_every_optimization_level_and_engine_agrees_with_pytorch(name: str, tmp_path: Path) -> None:
    net = Padded(NETS[name]).eval()
    model = capture(net, torch.zeros(SHAPE), name="net")
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted = net(x).numpy()
    onnx_writer.write(model, tmp_path / "f.onnx")
    results = onnx_results(tmp_path / "f.onnx", x.numpy())
    if name not in ("cropped", "maximum, one axis"):  # which TFLite has no operators for
        results += tflite_results(tflite_bytes(model), x.numpy())
    for result in results:
        assert result.shape == wanted.shape
        assert np.abs(result - wanted).max() < 1e-5


def captured(function) -> list[str]:
    return operators(capture(Padded(function).eval(), torch.zeros(SHAPE), name="net"))


def test_padding_that_a_pool_can_take_is_its_own():
    assert captured(NETS["lowest number"]) == ["Conv", "Sub", "MaxPool"]
    assert captured(NETS["average"]) == ["Conv", "Sub", "Conv"]


def test_a_value_that_never_wins_stays_zero():
    net = Padded(lambda _, y: F.max_pool2d(F.pad(y.relu(), (0, 1, 0, 1)), 2, 1)).eval()
    model = capture(net, torch.zeros(SHAPE), name="net")
    (pad,) = (node for node in model.graph if node.op_type == "Pad")
    assert len(pad.inputs) < 3 or not np.any(pad.inputs[2].const_value.numpy())


def test_tflite_pads_by_zero():
    model = capture(Padded(NETS["maximum"]).eval(), torch.zeros(SHAPE), name="net")
    assert "PADV2" not in engines.operators(tflite_bytes(model))


def test_a_constant_part_of_a_concatenation_may_be_negative():
    net = Padded(NETS["negative beside positive"]).eval()
    model = capture(net, torch.zeros(SHAPE), name="net")
    (pool,) = (node for node in model.graph if node.op_type == "MaxPool")
    assert not is_nonnegative(pool.inputs[0])
