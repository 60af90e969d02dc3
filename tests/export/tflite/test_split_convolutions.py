"""Convolutions that are cut into runs become a convolution for each run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.nets.shufflenet_v2 import shufflenet_v2_x0_5
from edgeconv.quantize.recipe.recipes import quantize
from edgeconv.runtime.ort import OrtSession
from edgeconv.runtime.session import SessionOptions
from tests.export.tflite import engines
from tests.helpers.tflite_bytes import tflite_bytes

Runs = list[tuple[int, int]]


class Cut(nn.Module):
    """A convolution whose channels are taken in runs, each filtered by a net of its own."""

    def __init__(self, channels: int, runs: Runs) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(4, channels, 3, padding=1)
        self.runs = runs
        self.each = nn.ModuleList(nn.Conv2d(b - a, 2, 1) for a, b in runs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x).relu()
        parts = [conv(y[:, a:b]) for conv, (a, b) in zip(self.each, self.runs, strict=True)]
        return torch.cat(parts, 1)


class Both(Cut):
    """The convolution is an output too."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return {"parts": super().forward(x), "whole": self.first(x).relu()}


CUTS: dict[str, tuple[int, Runs, list[int], int]] = {
    "as many tiles": (58, [(0, 15), (15, 29), (29, 58)], [15, 14, 29], 0),
    "short runs stay together": (58, [(0, 8), (8, 15), (15, 29), (29, 58)], [15, 14, 29], 2),
    "one more tile": (16, [(0, 4), (4, 16)], [16], 2),
    "channels nobody reads": (64, [(0, 16), (32, 48)], [16, 16], 0),
    "runs that overlap": (32, [(0, 20), (10, 32)], [32], 2),
    "a run read twice": (32, [(0, 16), (0, 16), (16, 32)], [16, 16], 0),
}


def captured(net: nn.Module) -> tuple[ir.Model, Tensor]:
    x = torch.randn(1, 4, 6, 5, generator=torch.Generator().manual_seed(1))
    return capture(net.eval(), x, name="cut"), x


def first_widths(data: bytes) -> list[int]:
    """Output channels of the convolutions of 3 x 3."""
    interpreter = engines.reference_kernels(data)
    shapes = [
        interpreter._get_tensor_details(int(operator["inputs"][1]), 0)["shape"]
        for operator in interpreter._get_ops_details()
        if operator["op_name"] == "CONV_2D"
    ]
    return [int(shape[0]) for shape in shapes if shape[1] == 3]


@pytest.mark.parametrize("name", CUTS)
def test_a_convolution_for_each_run_where_that_takes_no_more_tiles(name: str) -> None:
    channels, runs, widths, slices = CUTS[name]
    net = Cut(channels, runs)
    model, x = captured(net)
    data = tflite_bytes(model)
    assert first_widths(data) == widths
    assert engines.operators(data).count("SLICE") in (slices, slices - 1)  # alike ones are one
    (found,) = engines.run(engines.xnnpack, data, {"input": x.numpy()}).values()
    with torch.no_grad():
        np.testing.assert_allclose(found, net(x).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CUTS)
def test_int8_files_give_what_the_onnx_file_of_the_same_plan_gives(
    name: str, tmp_path: Path
) -> None:
    channels, runs, widths, _ = CUTS[name]
    model, x = captured(Cut(channels, runs))
    planned = quantize(model, lambda: [x.numpy()])
    model, plan = planned.model, planned.plan
    data = tflite_bytes(model, "int8", plan, io="float32")
    assert first_widths(data) == widths
    onnx_writer.write(model, tmp_path / "m.onnx", "int8", plan, io="float32")
    session = OrtSession(tmp_path / "m.onnx", SessionOptions(kernels="reference"))
    (wanted,) = session.run([x.numpy()])
    step = float(plan.activations["logits"].scale)
    for engine in (engines.xnnpack, engines.reference_kernels):
        (found,) = engines.run(engine, data, {"input": x.numpy()}).values()
        np.testing.assert_allclose(found, wanted, atol=1.01 * step)


def test_an_output_of_the_graph_stays_whole() -> None:
    model, _ = captured(Both(32, [(0, 16), (16, 32)]))
    assert first_widths(tflite_bytes(model)) == [32]


def test_shufflenet_v2_cuts_less_and_gives_what_pytorch_gives() -> None:
    torch.manual_seed(0)
    net, x = shufflenet_v2_x0_5(10).eval(), torch.randn(1, 3, 64, 64)
    data = tflite_bytes(capture(net, x, name="net"))
    assert engines.is_wholly_delegated(data)
    (found,) = engines.run(engines.xnnpack, data, {"input": x.numpy()}).values()
    with torch.no_grad():
        wanted = net(x).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())
