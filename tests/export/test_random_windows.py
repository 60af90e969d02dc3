"""Random nets of pads, pools and convolutions: every file gives PyTorch's values on every engine.

More than the default number of nets: EDGECONV_RANDOM_NETS=300.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.errors import UnsupportedOperator
from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from tests.helpers.every_engine import onnx_results, tflite_results
from tests.helpers.hub import unsettle
from tests.helpers.tflite_bytes import tflite_bytes

COUNT = int(os.environ.get("EDGECONV_RANDOM_NETS", "16"))
CHANNELS = 6


class Pad(nn.Module):
    """Padding by a number or by the image."""

    def __init__(self, amounts: list[int], mode: str, value: float) -> None:
        super().__init__()
        self.amounts, self.mode, self.value = amounts, mode, value

    def forward(self, x: Tensor) -> Tensor:
        more = {"value": self.value} if self.mode == "constant" else {}
        return functional.pad(x, self.amounts, self.mode, **more)


class Shift(nn.Module):
    """Moves values below zero, where padding by zero wins a maximum."""

    def forward(self, x: Tensor) -> Tensor:
        return x - 0.8


def pad(rng: random.Random) -> nn.Module:
    amounts = [rng.randint(0, 3) for _ in range(4)]
    mode = rng.choice(["constant"] * 4 + ["reflect", "replicate"])
    return Pad(amounts, mode, rng.choice([0.0, 0.0, 0.0, 0.4, -0.6]))


def window(rng: random.Random) -> dict[str, object]:
    kernel = [rng.randint(1, 4), rng.randint(1, 4)]
    return {
        "kernel_size": tuple(kernel),
        "stride": tuple(rng.randint(1, 3) for _ in kernel),
        "padding": tuple(rng.randint(0, k // 2) for k in kernel),
    }


def max_pool(rng: random.Random) -> nn.Module:
    return nn.MaxPool2d(**window(rng), ceil_mode=rng.random() < 0.6)


def average_pool(rng: random.Random) -> nn.Module:
    options = {"ceil_mode": rng.random() < 0.6, "count_include_pad": rng.random() < 0.5}
    divisor = rng.choice([None, None, 3, 7])
    return nn.AvgPool2d(**window(rng), **options, divisor_override=divisor)


def conv(rng: random.Random) -> nn.Module:
    size = (rng.randint(1, 4), rng.randint(1, 4))
    groups = rng.choice([1, 1, CHANNELS])
    options = {"groups": groups, "dilation": rng.choice([1, 1, 2])}
    if rng.random() < 0.5:
        made = nn.Conv2d(CHANNELS, CHANNELS, size, padding="same", **options)
    else:
        padding = (rng.randint(0, 2), rng.randint(0, 2))
        made = nn.Conv2d(CHANNELS, CHANNELS, size, rng.randint(1, 2), padding, **options)
    return nn.Sequential(made, *([nn.BatchNorm2d(CHANNELS)] if rng.random() < 0.4 else []))


LINKS = [pad, pad, max_pool, max_pool, average_pool, conv, lambda _: nn.ReLU(), lambda _: Shift()]


def net(seed: int) -> nn.Module:
    rng = random.Random(seed)
    torch.manual_seed(seed)
    links = [rng.choice(LINKS)(rng) for _ in range(rng.randint(2, 5))]
    return unsettle(nn.Sequential(nn.Conv2d(3, CHANNELS, 3, padding=1), Shift(), *links)).eval()


def usable(seed: int) -> tuple[nn.Module, tuple[int, ...]] | None:
    """The net and a shape it takes; None where an image becomes too small."""
    shape = (1, 3, *(random.Random(seed + 1).randint(12, 19) for _ in range(2)))
    made = net(seed)
    try:
        with torch.no_grad():
            made(torch.zeros(shape))
    except RuntimeError:
        return None
    return made, shape


@pytest.mark.parametrize("seed", range(COUNT))
def test_every_file_gives_what_pytorch_gives(seed: int, tmp_path: Path) -> None:
    found = usable(seed)
    if found is None:
        pytest.skip("its image becomes too small")
    made, shape = found
    model = capture(made, torch.zeros(shape), name="net")
    rng = np.random.default_rng(seed)
    photos = [rng.normal(size=shape).astype(np.float32) for _ in range(4)]
    with torch.no_grad():
        wanted = made(torch.from_numpy(photos[0])).numpy()
    plan = build_plan(model, observe(model, photos), PlanConfig(ranges="minmax"))
    onnx_writer.write(model, tmp_path / "f.onnx")
    onnx_writer.write(model, tmp_path / "i.onnx", "int8", plan, io="float32")
    exact = onnx_results(tmp_path / "f.onnx", photos[0])
    rounded = onnx_results(tmp_path / "i.onnx", photos[0])
    if lowered := in_tflite(model):
        exact += tflite_results(lowered, photos[0])
        rounded += tflite_results(tflite_bytes(model, "int8", plan, io="float32"), photos[0])
    largest = max(np.abs(wanted).max(), 1e-2)
    for result in exact:
        assert result.shape == wanted.shape
        assert np.abs(result - wanted).max() < 1e-5 * largest
    steps = float(plan.activations["logits"].scale)
    for result in rounded:
        assert result.shape == wanted.shape
        assert np.abs(result - wanted).mean() < 2 * steps * sum(1 for _ in model.graph)
        assert np.abs(result - rounded[0]).mean() < steps


@pytest.mark.parametrize("counts", [False, True])
def test_an_int8_average_that_is_rounded_up_divides_by_what_it_reads(
    counts: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    pool = nn.AvgPool2d((4, 2), (1, 3), (1, 0), ceil_mode=True, count_include_pad=counts)
    made = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), pool).eval()
    model = capture(made, torch.zeros(1, 3, 13, 14), name="net")
    x = np.random.default_rng(0).normal(size=(1, 3, 13, 14)).astype(np.float32)
    plan = build_plan(model, observe(model, [x]), PlanConfig(ranges="minmax"))
    onnx_writer.write(model, tmp_path / "i.onnx", "int8", plan, io="float32")
    with torch.no_grad():
        wanted = made(torch.from_numpy(x)).numpy()
    for result in onnx_results(tmp_path / "i.onnx", x):
        assert np.abs(result - wanted).max() < 4 * plan.activations["logits"].scale


def in_tflite(model: ir.Model) -> bytes | None:
    """The float file; None where TFLite has not the operators."""
    try:
        return tflite_bytes(model)
    except UnsupportedOperator:
        return None
