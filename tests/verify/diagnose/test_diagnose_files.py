"""What is read back from int8 files is the plan they were written from."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeconv.errors import ArtifactRefused
from edgeconv.export import tflite
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.graph.view import require_constant
from edgeconv.quantize.recipe.recipes import Quantized, quantize
from edgeconv.verify.diagnose import file_plan, weights
from edgeconv.verify.diagnose.parameters import differences
from tests.quantize.nets import Mobile, hub, photos


class Classic(nn.Module):
    """Flattened images, grouped and transposed convolutions, a slope and a constant."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.act = nn.PReLU(8)
        self.grouped = nn.Conv2d(8, 8, 3, 1, 1, groups=2)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.head = nn.Linear(4 * 12 * 12, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.grouped(self.act(self.stem(x))) * torch.linspace(0.5, 2, 8)[:, None, None]
        return self.head(self.up(x).flatten(1))


class Joined(nn.Module):
    """A concatenation of tensors of very different ranges: one edge is requantized."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Conv2d(12, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x) * 0.05
        return self.head(torch.cat([x, 50 * self.b(x)], 1)) + self.b(x)[:, :4]


class Cut(nn.Module):
    """A convolution that is read in parts, so that the TFLite file holds one for each."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 58, 3, 2, 1)
        self.a, self.b = nn.Conv2d(15, 4, 1), nn.Conv2d(43, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        return self.a(x[:, :15]) + self.b(x[:, 15:])


def planned(module: nn.Module) -> Quantized:
    inputs = photos(4)
    return quantize(hub(module), lambda: iter(inputs))


@pytest.mark.parametrize("net", [Mobile, Classic, Joined, Cut])
@pytest.mark.parametrize("islands", [False, True])
def test_both_files_give_their_plan_back(net, islands: bool, tmp_path: Path) -> None:
    made = planned(net())
    plan = made.plan
    layers = [node.name for node in made.model.graph if node.op_type == "Conv"]
    if islands:
        plan = dataclasses.replace(plan, islands=frozenset({layers[1]}))
    tflite.write(made.model, tmp_path / "m.tflite", "int8", plan, io="int8")
    onnx_writer.write(made.model, tmp_path / "m.onnx", "int8", plan)
    lite = file_plan.of_tflite(made.model, tmp_path / "m.tflite")
    onnx = file_plan.of_onnx(made.model, tmp_path / "m.onnx")
    assert list(differences(lite, plan)) == []
    assert list(differences(onnx, plan)) == []
    assert set(lite.activations) == set(plan.activations)
    assert lite.islands == plan.islands
    assert set(lite.requantize) == set(onnx.requantize) == set(plan.requantize)
    if not islands:
        assert set(lite.constants) == set(onnx.constants) == set(plan.constants)


def test_a_file_of_another_net_is_refused(tmp_path: Path) -> None:
    made = planned(Mobile())
    tflite.write(made.model, tmp_path / "m.tflite", "int8", made.plan, io="int8")
    renamed = hub(Classic())
    for value in renamed.graph.inputs:
        value.name = "other"
    renamed.graph.outputs[0].name = "another"
    with pytest.raises(ArtifactRefused, match="names"):
        file_plan.of_tflite(renamed, tmp_path / "m.tflite")


def _fit(stored_values, **changes):
    made = planned(Mobile())
    node = next(n for n in made.model.graph if n.name == "project")
    stored = made.plan.constants["project.weight"]
    changed = dataclasses.replace(stored, values=stored_values(stored.values.copy()), **changes)
    return weights.fit(node, require_constant(node, 1), changed)


def test_rounded_weights_are_the_nets() -> None:
    assert not _fit(lambda values: values).is_bad


def test_a_negated_row_is_not() -> None:
    def negated(values):
        values[2] = -values[2]
        return values

    assert _fit(negated).negative == (2,)


def test_noise_of_a_step_is_forgiven() -> None:
    def noisy(values):
        step = np.random.default_rng(0).integers(-1, 2, values.shape)
        return np.clip(values + step, -127, 127).astype(np.int8)

    assert not _fit(noisy).is_bad


def test_random_weights_are_found_in_every_channel() -> None:
    def random(values):
        return np.random.default_rng(0).integers(-127, 128, values.shape).astype(np.int8)

    assert len(_fit(random).bad_outputs) == 8
