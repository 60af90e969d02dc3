"""Every kind of file gives the same on every level of optimization and with every delegate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeconv.export import tflite
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.graph.fusion import is_absorbed
from edgeconv.quantize.plan.in_float import with_islands
from edgeconv.quantize.plan.int16 import int16_plan, with_planned_weights
from edgeconv.quantize.recipe.recipes import Quantized, Recipe, quantize
from edgeconv.quantize.recipe.steps import CORRECT_BIASES
from edgeconv.runtime.adapt import Images, run_logits
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import Kernels, SessionOptions
from tests.quantize.nets import hub, photos, run_float, sqnr_db

PRECISIONS = ("float16", "weight-only-int8", "dynamic-int8", "int16x8")
LEVELS = sorted(set(onnxruntime.GraphOptimizationLevel.__members__) - {"ORT_DISABLE_ALL"})
#: What may differ between two ways to compute the same file: a step here and there, no more.
ALIKE_DB = 30.0
#: The same where kernels measure and quantize activations anew, each in its own way.
ALIKE_DYNAMIC_DB = 20.0
#: Nothing is equalized: the rows stay as different as they are.
PLAIN = Recipe("plain", (CORRECT_BIASES,), photos=12, measured=False)


class Uneven(nn.Module):
    """Layers whose rows differ a hundredfold, and whose readers make up for it.

    One scale for a whole weight loses most of what such a layer computes.
    """

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.apart = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.side = nn.Conv2d(8, 8, 1)
        self.down = nn.Conv2d(16, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, 10)
        loud = torch.logspace(-2, 0, 8)
        with torch.no_grad():
            for layer, reads, writes in (
                (self.stem, torch.ones(3), loud),
                (self.apart, torch.ones(1), loud.flip(0) / loud),
                (self.side, loud, torch.ones(8)),
                (self.down, torch.cat([loud, loud]), loud),
            ):
                layer.weight *= writes[:, None, None, None] / reads[None, :, None, None]
                layer.bias *= loud.flip(0) if layer is self.apart else writes
            self.up.weight *= loud[None, :, None, None] / loud.flip(0)[:, None, None, None]
            self.up.bias *= loud
            self.head.weight /= loud
            self.head.bias *= 0

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu6(self.apart(torch.relu(self.stem(x))))
        x = self.up(x)
        x = torch.cat([x, torch.sigmoid(self.side(x)) * x], 1)
        x = nn.functional.hardswish(self.down(nn.functional.max_pool2d(x, 3, 1, 1)))
        return self.head((x + nn.functional.avg_pool2d(x, 3, 1, 1)).mean((2, 3)))


@pytest.fixture(scope="module")
def made() -> tuple[ir.Model, Quantized]:
    model, inputs = hub(Uneven()), photos(12)
    return model, quantize(model, lambda: iter(inputs), recipe=PLAIN)


def every(path: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The outputs of a file in every way an engine may compute it, the plainest first."""
    images = Images(np.concatenate(photos(8, seed=3)))
    if path.suffix == ".tflite":
        kinds: tuple[Kernels, ...] = ("reference", "default")
        for kernels in kinds:
            yield kernels, run_logits(open_session(path, SessionOptions(kernels=kernels)), images)
        return
    for level in ("ORT_DISABLE_ALL", *LEVELS):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        rows = [session.run(None, {name: image[None]})[0] for image in images.normalized]
        yield level, np.concatenate(rows)


def check(path: Path, least_db: float = ALIKE_DB) -> None:
    ways = every(path)
    _, plain = next(ways)
    for way, outputs in ways:
        assert sqnr_db(plain, outputs) > least_db, way


def names(model: ir.Model) -> list[str]:
    return [node.name or "" for node in model.graph if not is_absorbed(node)]


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_whatever_stays_in_float(
    made: tuple[ir.Model, Quantized], suffix: str, tmp_path: Path
) -> None:
    """Each operator alone, every second one, all, none."""
    model, done = made[0], made[1]
    nodes = names(done.model)
    kept = [frozenset(), frozenset(nodes), frozenset(nodes[::2])]
    kept += [frozenset({node}) for node in nodes]
    images = photos(8, seed=3)
    wanted = run_float(model, images).reshape(8, -1)
    for islands in kept:
        plan = with_islands(done.model, done.plan, islands)
        path = tmp_path / f"net{suffix}"
        if suffix == ".onnx":
            onnx_writer.write(done.model, path, "int8", plan, io="float32")
        else:
            tflite.write(done.model, path, "int8", plan, io="float32")
        check(path)
        assert sqnr_db(wanted, next(every(path))[1]) > 20, islands


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision(
    made: tuple[ir.Model, Quantized], precision: str, suffix: str, tmp_path: Path
) -> None:
    model, done = made
    path, writer = tmp_path / f"net{suffix}", onnx_writer if suffix == ".onnx" else tflite
    metadata = {} if writer is onnx_writer else None
    if precision == "float16":
        writer.write(model, path, "float16", metadata=metadata)
    else:
        plan = done.plan
        if precision == "int16x8":
            plan = int16_plan(done.model, done.observations, plan)
        exact = with_planned_weights(done.model, done.plan)
        writer.write(exact, path, precision, plan, metadata=metadata)
    check(path, ALIKE_DYNAMIC_DB if precision == "dynamic-int8" else ALIKE_DB)


def test_a_row_of_nothing_keeps_its_bias_in_16_bits(tmp_path: Path) -> None:
    """The product of the scales is so small there that 32 bits cannot hold the bias in it."""
    module = Uneven()
    with torch.no_grad():
        for layer in (module.side, module.head):
            layer.weight[3] *= 1e-9
            layer.bias[3] = 5.0
    model, inputs = hub(module), photos(12)
    done = quantize(model, lambda: iter(inputs), recipe="fast")
    plan = int16_plan(done.model, done.observations, done.plan)
    exact = with_planned_weights(done.model, done.plan)
    path = tmp_path / "net.onnx"
    onnx_writer.write(exact, path, "int16x8", plan)
    check(path)
