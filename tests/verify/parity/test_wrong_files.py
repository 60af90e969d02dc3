"""A verdict is a promise in both directions: right files pass, and every wrong one fails by name.

One of a net's four files gets one wrong number, or loses one operator's setting.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F

from edgeconv.runtime.adapt import run_outputs
from edgeconv.runtime.open import open_session
from edgeconv.verify.parity.stages import ParityReport
from tests.helpers.random_nets import random_net
from tests.helpers.small_export import SmallExport, small_export
from tests.helpers.tflite_edits import change_constant, edited, tensor_named


class Net(nn.Module):
    """A residual, a concatenation, pools, a PReLU before a Linear."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.left = nn.Conv2d(8, 6, 1)
        self.slope = nn.PReLU(14, -0.4)
        self.head = nn.Linear(14 * 16, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.max_pool2d(x + self.depthwise(x), 3, 2, 1)
        x = self.slope(torch.cat([x, self.left(x)], 1))
        return self.head(F.avg_pool2d(x, 2).flatten(1))


@pytest.fixture
def export(tmp_path: Path) -> SmallExport:
    return small_export(Net().eval(), (32, 32), tmp_path)


def test_right_files_of_random_nets_pass(net_seed: int, tmp_path: Path) -> None:
    net = random_net(net_seed)
    report = small_export(net, net.size, tmp_path).check()
    told = {s.name: (s.note, s.figures, s.thresholds) for s in report.stages if not s.passed}
    assert report.passed, (net.words, told)


def test_the_right_files_pass(export: SmallExport) -> None:
    report = export.check()
    assert report.passed, report.failed
    assert all(stage.passed and all(stage.met) for stage in report.stages)


Change = Callable[[np.ndarray], np.ndarray]


def swapped(array: np.ndarray) -> np.ndarray:
    """The first two output channels change places."""
    array[[0, 1]] = array[[1, 0]]
    return array


def plus(share: float) -> Change:
    return lambda array: array + share * np.abs(array).max()


def negated_channel(array: np.ndarray) -> np.ndarray:
    array[1] = np.clip(-array[1].astype(np.float64), -127, 127)
    return array


def one_weight(array: np.ndarray) -> np.ndarray:
    flat = array.reshape(-1)
    flat[np.abs(flat).argmax()] *= -1
    return array


FLOAT_CHANGES: dict[str, tuple[str, Change]] = {
    "swapped channels": ("stem.weight", swapped),
    "a negated channel": ("left.weight", negated_channel),
    "one weight": ("head.weight", one_weight),
    "a bias": ("depthwise.bias", plus(0.01)),
    "a tenth of a percent": ("left.weight", lambda a: a * 1.001),
    "a slope": ("slope.weight", plus(0.05)),
}
INT8_CHANGES: dict[str, tuple[str, Change]] = {
    "swapped channels": ("stem.weight", swapped),
    "a negated channel": ("left.weight", negated_channel),
    "a bias": ("head.bias", plus(1)),
    "a bias of a depthwise convolution": ("depthwise.bias", plus(2)),
    "another net's weights": ("stem.weight", lambda a: a[..., ::-1]),
}


def in_onnx(path: Path, name: str, change: Change) -> None:
    """Changes an initializer."""
    proto = onnx.load(path)
    (stored,) = (i for i in proto.graph.initializer if i.name == name)
    array = numpy_helper.to_array(stored).copy()
    stored.CopyFrom(numpy_helper.from_array(change(array).astype(array.dtype), name))
    onnx.save(proto, path)


def assert_names(report: ParityReport, artifact: str) -> None:
    """Some stage failed, and says which file: it is judged alone, or further from float."""
    assert accused(report) == {artifact}, report.failed


def accused(report: ParityReport) -> set[str]:
    """The files that failed stages name."""
    assert not report.passed
    failed = [stage for stage in report.stages if not stage.passed]
    return {
        *(stage.b.partition(" ")[0] for stage in failed if stage.a == "reference"),
        *(word for stage in failed for word in _further(stage.note)),
    }


def _further(note: str) -> list[str]:
    accusing = (part.partition(" is further from float") for part in note.split("; "))
    return [before.split()[-1] for before, found, _ in accusing if found]


@pytest.mark.parametrize("change", FLOAT_CHANGES)
@pytest.mark.parametrize("artifact", ["onnx", "tflite"])
def test_one_wrong_number_in_a_float_file_is_found(export, artifact, change):
    name, how = FLOAT_CHANGES[change]
    if artifact == "onnx":
        in_onnx(export.files["onnx"], name, how)
    else:
        edited(export.files["tflite"], lambda model: change_constant(model, name, how))
    assert_names(export.check(), artifact)


@pytest.mark.parametrize("change", INT8_CHANGES)
@pytest.mark.parametrize("artifact", ["int8.onnx", "int8.tflite"])
def test_one_wrong_number_in_an_int8_file_is_found(export, artifact, change):
    name, how = INT8_CHANGES[change]
    if artifact == "int8.onnx":
        suffix = "::int32" if name.endswith("bias") else "::int8"
        in_onnx(export.onnx, name + suffix, how)
    else:
        edited(export.tflite, lambda model: change_constant(model, name, how))
    assert_names(export.check(), artifact)


@pytest.mark.parametrize("name", ["relu", "depthwise", "logits"])
@pytest.mark.parametrize("parameter", ["scale", "zero_point"])
@pytest.mark.parametrize("artifact", ["int8.onnx", "int8.tflite"])
def test_one_wrong_scale_or_zero_point_is_found(export, artifact, parameter, name):
    """It may leave a file as near to float as it was; then neither is accused."""
    scaled: dict[str, Change] = {"scale": lambda a: a * 1.2, "zero_point": lambda a: a + 9}
    if artifact == "int8.onnx":
        in_onnx(export.onnx, f"{name}::{parameter}", scaled[parameter])
    else:
        edited(export.tflite, lambda model: _requantize(model, name, parameter, scaled[parameter]))
    assert accused(export.check()) <= {artifact}


def _requantize(model: Any, name: str, parameter: str, change: Change) -> None:
    quantization = tensor_named(model, name).quantization
    field = "scale" if parameter == "scale" else "zeroPoint"
    setattr(quantization, field, change(np.asarray(getattr(quantization, field))))


def test_a_dropped_relu_is_found(export):
    def drop(model: Any) -> None:
        for operator in model.subgraphs[0].operators:
            if getattr(operator.builtinOptions, "fusedActivationFunction", 0):
                operator.builtinOptions.fusedActivationFunction = 0

    edited(export.files["tflite"], drop)
    assert_names(export.check(), "tflite")


@pytest.mark.parametrize("seed", range(8))
def test_a_negated_channel_in_one_file_of_a_random_net_is_found(seed, tmp_path):
    net = random_net(seed)
    export = small_export(net, net.size, tmp_path)
    artifact = ("onnx", "tflite", "int8.onnx", "int8.tflite")[seed % 4]
    path, is_int8 = export.files[artifact], artifact.startswith("int8")
    before = run_outputs(open_session(path), export.images)
    if artifact.endswith("onnx"):
        suffix = "stem.0.weight::int8" if is_int8 else "stem.0.weight"
        in_onnx(path, suffix, negated_channel)
    else:
        edited(path, lambda model: change_constant(model, "stem.0.weight", negated_channel))
    after = run_outputs(open_session(path), export.images)
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert accused(export.check()) <= {artifact}
