"""The two int8 files agree operator by operator, and a wrong number in one of them is found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.export import tflite
from edgeconv.export.calibration import calibration_photos, own_samples
from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx.write import write
from edgeconv.nets.load import load_net
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.parameters import Edge, Plan
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.runtime.adapt import Images
from edgeconv.verify.parity import operators, reference_work
from edgeconv.verify.parity.operators import KeptTensors, OperatorReport
from edgeconv.verify.thresholds import DEFAULTS
from tests.helpers.hub import unsettle
from tests.helpers.plans import activation_params, all_values, plan_by_extremes


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.left = nn.Conv2d(8, 4, 1)
        self.head = nn.Linear(12 * 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.pool(self.relu(x + self.depthwise(x)))
        return self.head(torch.cat([x, self.left(x)], 1).flatten(1))


@pytest.fixture(scope="module")
def images():
    drawn = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(5)).numpy()
    return Images(drawn)


@pytest.fixture(scope="module")
def hub():
    torch.manual_seed(0)
    return capture(unsettle(Net()), torch.zeros(1, 3, 16, 16), name="net")


@pytest.fixture(scope="module")
def plan(hub, images):
    """The input `left` of the concat is requantized, `pool` shares the concat's parameters."""
    feed = images.normalized[:1]
    joined = all_values(hub, feed)["concat"]
    params = activation_params(float(joined.min()), float(joined.max()))
    shared = dict.fromkeys(("concat", "relu", "pool", "flatten"), params)
    plain = plan_by_extremes(hub, feed, shared)
    again = plan_by_extremes(hub, feed, {**shared, "left": plain.activations["left"]})
    return dataclasses.replace(again, requantize={Edge("concat", 1): params})


def check(onnx_path: Path, tflite_path: Path, images: Images) -> OperatorReport:
    return operators.check(onnx_path, KeptTensors(tflite_path), images)


def written(hub, plan: Plan, directory: Path, io="int8") -> tuple[Path, Path]:
    paths = directory / "m.onnx", directory / "m.tflite"
    write(hub, paths[0], "int8", plan, io=io)
    tflite.write(hub, paths[1], "int8", plan, io=io)
    return paths


def tampered(path: Path, initializer: str, change) -> Path:
    """The ONNX file with one initializer changed."""
    proto = onnx.load(path)
    stored = next(i for i in proto.graph.initializer if i.name == initializer)
    array = change(numpy_helper.to_array(stored).copy())
    stored.CopyFrom(numpy_helper.from_array(array, initializer))
    changed = path.with_name("tampered.onnx")
    onnx.save(proto, changed)
    return changed


@pytest.mark.parametrize("io", ["int8", "float32"])
def test_every_operator_is_within_one_step(hub, plan, images, tmp_path, io):
    report = check(*written(hub, plan, tmp_path, io), images)
    assert report.stage(DEFAULTS).passed
    assert report.unmatched == ()
    judged = {a.name: a.op_type for a in report.agreements}
    assert judged == {
        "stem.2": "Conv",
        "depthwise": "Conv",
        "relu": "Add",
        "pool": "MaxPool",
        "left": "Conv",
        "left::int8::concat:1": "QuantizeLinear",
        "concat": "Concat",
        "logits": "Gemm",
    }
    assert all(a.max_steps <= 1 for a in report.agreements)


def test_a_net_too_large_for_reference_kernels_is_compared_with_the_built_in_ones(
    hub, plan, images, tmp_path, monkeypatch
):
    files = written(hub, plan, tmp_path)
    assert "reference kernels" in check(*files, images).stage(DEFAULTS).a
    monkeypatch.setattr(reference_work, "MOST_WORK", 1)
    report = check(*files, images)
    assert report.stage(DEFAULTS).passed
    assert "built-in kernels" in report.stage(DEFAULTS).a


def test_a_net_that_takes_raw_pixels_is_compared_too(hub, plan, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    as_input = pixels.transpose(0, 3, 1, 2).astype(np.float32)
    raw = dataclasses.replace(
        plan.activations["input"],
        scale=np.array(1, np.float32),
        zero_point=np.array(-128, np.int32),
    )
    whole = plan_by_extremes(hub, as_input[:1])
    shared = dict.fromkeys(("concat", "relu", "pool", "flatten"), whole.activations["relu"])
    left = {"left": whole.activations["relu"]}
    whole = plan_by_extremes(hub, as_input[:1], {"input": raw, **shared, **left})
    report = check(*written(hub, whole, tmp_path, "uint8"), Images(as_input, pixels))
    assert report.stage(DEFAULTS).passed
    assert report.unmatched == ()


def test_one_wrong_scale_is_found_at_its_operator_alone(hub, plan, images, tmp_path):
    onnx_path, tflite_path = written(hub, plan, tmp_path)
    wrong = tampered(onnx_path, "depthwise::scale", lambda scale: scale * np.float32(1.1))
    report = check(wrong, tflite_path, images)
    assert not report.stage(DEFAULTS).passed
    apart = {a.name for a in report.agreements if a.max_steps > 1}
    assert "depthwise" in apart
    assert apart <= {"depthwise", "relu"}  # the operator itself and the one that reads it
    assert report.stage(DEFAULTS).passed is False


def test_one_wrong_weight_is_found_at_its_operator_alone(hub, plan, images, tmp_path):
    onnx_path, tflite_path = written(hub, plan, tmp_path)

    def flip(weights):
        weights[2] = -weights[2]
        return weights

    report = check(tampered(onnx_path, "left.weight::int8", flip), tflite_path, images)
    assert [a.name for a in report.agreements if a.max_steps > 1] == ["left"]
    worst = report.agreements[0]
    assert worst.name == "left"
    assert 0 < worst.share_differing <= 0.25  # one channel of four
    assert "Conv left" in report.stage(DEFAULTS).note


def test_files_of_two_nets_are_refused(hub, plan, images, tmp_path):
    _, tflite_path = written(hub, plan, tmp_path)
    other = capture(nn.Conv2d(3, 2, 5), torch.zeros(1, 3, 16, 16), name="other")
    other_plan = plan_by_extremes(other, images.normalized[:1])
    write(other, tmp_path / "other.onnx", "int8", other_plan)
    with pytest.raises(ArtifactRefused, match="one export"):
        check(tmp_path / "other.onnx", tflite_path, images)


def test_no_image_is_refused(hub, plan, images, tmp_path):
    with pytest.raises(UsageError, match="no image"):
        check(*written(hub, plan, tmp_path), Images(images.normalized[:0]))


def test_a_broken_file_is_refused(hub, plan, images, tmp_path):
    onnx_path, tflite_path = written(hub, plan, tmp_path)
    onnx_path.write_bytes(onnx_path.read_bytes()[:100])
    with pytest.raises(ArtifactRefused):
        check(onnx_path, tflite_path, images)


@pytest.mark.parametrize(
    ("net", "weights"),
    [
        ("mobilenet_v2", "mobilenet_v2"),
        ("mobilenet_v1", "mobilenet_v1_075"),
        ("squeezenet1_1", "squeezenet1_1"),
    ],
)
def test_trained_nets_are_within_one_step_at_every_operator(net, weights, real_data, tmp_path):
    loaded = load_net(net, weights=str(real_data.weights / f"{weights}.safetensors"))
    size = loaded.preprocessing.input_size
    hub = capture(loaded.module, torch.zeros(1, 3, *size), name=net)
    photos = calibration_photos(own_samples(real_data.calibration), loaded.intake, 4)
    batches = list(photos.batches(1, raw=False))
    plan = build_plan(hub, observe(hub, batches), PlanConfig())
    report = check(*written(hub, plan, tmp_path), Images(np.concatenate(batches[:2])))
    assert report.stage(DEFAULTS).passed, report.stage(DEFAULTS).note
    assert report.unmatched == ()
    layers = sum(node.op_type in {"Conv", "Gemm"} for node in hub.graph)
    assert sum(a.op_type in {"Conv", "Gemm"} for a in report.agreements) == layers
