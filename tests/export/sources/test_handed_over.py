"""Nets handed over in Python: modules, programs of torch.export, and what makes them."""

from __future__ import annotations

import copy
import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import edgeconv
from edgeconv.errors import NetRefused, UsageError
from edgeconv.runtime.open import open_session
from tests.export.sources.foreign_files import SIDE, Twin

FLOAT = edgeconv.ExportOptions(formats=("onnx",))
STATED = edgeconv.ExportOptions(
    formats=("onnx",), stated=edgeconv.Stated((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), SIDE)
)


def gives(bundle: edgeconv.Bundle, net: nn.Module) -> bool:
    """Whether the bundle's file computes what the net does, on noise."""
    x = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    (made,) = open_session(bundle.artifacts["onnx"]).run([x.numpy()])
    with torch.no_grad():
        return torch.allclose(torch.from_numpy(made), net.eval()(x), atol=1e-4)


def test_a_module_is_exported_and_stays_as_it_was(tmp_path: Path) -> None:
    net = Twin().double().train()
    before = copy.deepcopy(net.state_dict())
    bundle = edgeconv.export_bundle(net, FLOAT, out=tmp_path / "out")
    assert bundle.parity_passed
    assert bundle.manifest["net"]["name"] == "Twin"
    assert bundle.manifest["weights"]["kind"] == "module"
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(value.dtype == before[name].dtype for name, value in net.state_dict().items())
    assert gives(bundle, net.float())


@pytest.mark.parametrize("make", [Twin, functools.partial(Twin, resizes=True), lambda: Twin()])
def test_what_makes_a_net(make: Any, tmp_path: Path) -> None:
    bundle = edgeconv.export_bundle(make, FLOAT, out=tmp_path / "out")
    assert gives(bundle, make())


def test_a_function_is_given_the_options(tmp_path: Path) -> None:
    def sized(classes: int, width: int = 4) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, width, 3, 2), nn.Flatten(), nn.LazyLinear(classes)).eval()

    def build(classes: int, width: int = 4) -> nn.Module:
        net = sized(classes, width)
        net(torch.zeros(1, 3, SIDE, SIDE))
        return net

    options = edgeconv.ExportOptions(
        formats=("onnx",), classes=7, net_options={"width": 6}, input_size=(SIDE, SIDE)
    )
    bundle = edgeconv.export_bundle(build, options, out=tmp_path / "out")
    assert bundle.manifest["net"]["name"] == "build"
    assert bundle.manifest["graph"]["outputs"] == {"logits": [1, 7]}


def program_of(net: nn.Module, *shape: int, **dynamic: Any) -> torch.export.ExportedProgram:
    return torch.export.export(net.eval(), (torch.zeros(shape),), **dynamic)


def test_a_programs_own_sizes_are_its_nets(tmp_path: Path) -> None:
    net = Twin()
    program: Any = program_of(net, 1, 3, SIDE, SIDE)
    bundle = edgeconv.export_bundle(program, STATED, out=tmp_path / "out")
    assert [spec.shape for spec in bundle.intake.inputs] == [(3, SIDE, SIDE)]
    assert gives(bundle, net)
    for given in (program, lambda: program):
        with pytest.raises(UsageError, match="nothing says how a photo becomes what"):
            edgeconv.export_bundle(given, FLOAT, out=tmp_path / "refused")
    program.preprocessing = {"input_size": [SIDE, SIDE], "resize": SIDE}
    for number, given in enumerate((program, lambda: program)):
        said = edgeconv.export_bundle(given, FLOAT, out=tmp_path / f"said{number}")
        assert said.preprocessing.resize == SIDE


def test_a_program_of_tensors_takes_them(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    samples.mkdir()
    for number in range(8):
        np.save(samples / f"{number}.npy", np.full(5, number, np.float32))
    program = program_of(nn.Linear(5, 3), 1, 5)
    for number, given in enumerate((program, lambda: program)):
        options = edgeconv.ExportOptions(formats=("onnx",), calib=samples)
        bundle = edgeconv.export_bundle(given, options, out=tmp_path / f"out{number}")
        assert [spec.shape for spec in bundle.intake.inputs] == [(5,)]
        assert bundle.parity_passed


def test_what_a_program_leaves_open_is_asked_for(tmp_path: Path) -> None:
    side = torch.export.Dim("side", min=8, max=64)
    program = program_of(Twin(), 1, 3, SIDE, SIDE, dynamic_shapes=({2: side, 3: side},))
    with pytest.raises(UsageError, match="leaves axis 2 of an input open; give --input-size"):
        edgeconv.export_bundle(program, STATED, out=tmp_path / "out")
    options = dataclasses.replace(STATED, input_size=(SIDE, SIDE))
    assert edgeconv.export_bundle(program, options, out=tmp_path / "out").parity_passed


def test_what_is_stated_takes_the_place_of_what_the_net_says(tmp_path: Path) -> None:
    stated = edgeconv.Stated(mean=(0.5,) * 3, resize=40, labels=("a", "b", "c", "d"))
    options = edgeconv.ExportOptions(formats=("onnx",), stated=stated)
    bundle = edgeconv.export_bundle(Twin(), options, out=tmp_path / "out")
    assert bundle.preprocessing.mean == (0.5, 0.5, 0.5)
    assert bundle.preprocessing.std == (0.229, 0.224, 0.225)
    assert bundle.preprocessing.resize == 40
    assert bundle.labels == ("a", "b", "c", "d")


def failing() -> nn.Module:
    raise ValueError("no weights here")


class Uncopied(Twin):
    """Holds what Python does not copy."""

    def __init__(self) -> None:
        super().__init__()
        self.made = self.head(torch.zeros(1, 8))  # a tensor that has a history


@pytest.mark.parametrize(
    ("target", "options", "error", "words"),
    [
        (3, {}, UsageError, "a int is no net"),
        (Twin(), {"classes": 3}, UsageError, "Twin is a module already"),
        (Twin(), {"weights": "pretrained"}, UsageError, "nobody publishes weights for Twin"),
        (failing, {}, NetRefused, "failing failed: ValueError: no weights here"),
        (lambda: 3, {}, NetRefused, "net returned a int"),
        (Uncopied(), {}, NetRefused, "Uncopied cannot be copied.*give a function"),
    ],
)
def test_what_is_no_net_is_refused(
    target: Any, options: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        edgeconv.export_bundle(target, edgeconv.ExportOptions(**options), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
