"""int8 ONNX files of nets that compare, sort and index: what is no real number stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.quantize.mixed.switches import switches
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from tests.export.tflite import engines, plans
from tests.helpers.every_engine import onnx_results
from tests.helpers.tflite_bytes import tflite_bytes

SHAPE = (1, 3, 12, 12)


class Net(nn.Module):
    """Two convolutions around any function."""

    def __init__(self, function) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 4, 1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.function(self.first(x)))


def largest_only(y: Tensor) -> Tensor:
    channels = torch.arange(8).view(1, 8, 1, 1)
    return y * (channels == y.argmax(1, keepdim=True)).float()


NETS = {
    "where": lambda y: torch.where(y > 0.5, y, y * 0.1),
    "masks": lambda y: y.masked_fill((y > 0.3) & ~(y > 1), -0.5),
    "argmax": largest_only,
    "topk": lambda y: torch.cat([y.topk(4, 1)[0], y.topk(4, 1)[1].float() * 0.1], 1),
    "sort": lambda y: y.sort(1, descending=True)[0],
    "gather": lambda y: y + torch.gather(y, 1, y.argmax(1, keepdim=True)),
    "indices joined": lambda y: (
        y * torch.cat([y.argmax(1, keepdim=True), y.argmin(1, keepdim=True)] * 4, 1).float()
    ),
    "arithmetic of indices": lambda y: y * ((y.argmax(1, keepdim=True) + 3) * 2 % 5).float(),
    "truth values moved": lambda y: (
        y * (y > 0).flatten(2).transpose(1, 2).flip(1).transpose(1, 2).reshape(y.shape)
    ),
    "rounded": lambda y: (y * 3).int().float(),
}


@pytest.mark.parametrize("name", NETS)
def test_only_real_numbers_are_quantized(name: str, tmp_path: Path) -> None:
    net = Net(NETS[name]).eval()
    model = capture(net, torch.zeros(SHAPE), name="net")
    photos = [np.random.default_rng(i).normal(size=SHAPE).astype(np.float32) for i in range(4)]
    with torch.no_grad():
        wanted = net(torch.from_numpy(photos[0])).numpy()
    plan = build_plan(model, observe(model, photos), PlanConfig(ranges="minmax"))
    assert switches(model, plan)
    path = tmp_path / "int8.onnx"
    onnx_writer.write(model, path, "int8", plan, io="float32")
    onnx.checker.check_model(onnx.load(path), full_check=True)
    for result in onnx_results(path, photos[0]):
        # A value at a threshold falls to either side of it, so the mean is judged.
        assert np.abs(result - wanted).mean() < 0.1 * np.abs(wanted).mean()


#: Those whose operators are in both formats.
@pytest.mark.parametrize("name", sorted(NETS.keys() - {"gather", "arithmetic of indices"}))
def test_both_files_hold_the_same_integers(name: str, tmp_path: Path) -> None:
    model = capture(Net(NETS[name]).eval(), torch.zeros(SHAPE), name="net")
    photos = [np.random.default_rng(i).normal(size=SHAPE).astype(np.float32) for i in range(4)]
    plan = build_plan(model, observe(model, photos), PlanConfig(ranges="minmax"))
    path = tmp_path / "int8.onnx"
    onnx_writer.write(model, path, "int8", plan, io="float32")
    wanted = np.median(onnx_results(path, photos[0]), axis=0)
    data = tflite_bytes(model, "int8", plan)
    grid = plan.activations["logits"]
    fed = {"input": plans.quantize(photos[0], plan.activations["input"])}
    given = engines.run(engines.reference_kernels, data, fed)
    apart = np.abs(plans.dequantize(given["logits"], grid) - wanted)
    assert apart.mean() < 0.1 * np.abs(wanted).mean()
