"""Ill-conditioned nets are judged by what float32 can hold, and no looser; a bundle keeps it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from edgeconv.bundle import golden
from edgeconv.bundle.bundle import Bundle
from edgeconv.export.options import ExportOptions
from edgeconv.export.pipeline import export_bundle
from edgeconv.export.sources.float64 import float64_outputs
from edgeconv.runtime.adapt import Images
from edgeconv.runtime.open import open_session
from edgeconv.verify.parity.expected import Expected, Float64
from edgeconv.verify.parity.float64 import FloatJudge
from edgeconv.verify.parity.golden_runs import compare_all
from edgeconv.verify.parity.plain_sums import longest_sum, lost
from edgeconv.verify.thresholds import DEFAULTS, Threshold
from tests.helpers.small_export import small_export

BOUND = Threshold("relative_error", 1e-5)

NETS = """
import torch
from torch import nn


class Cancelling(nn.Module):
    '''A LayerNorm of channels that differ in the fourth digit alone.'''

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 8, 3, 2, 1), nn.LayerNorm(8, 1e-6)
        self.head = nn.Conv2d(8, 4, 1)
        self.preprocessing = {"input_size": [32, 32], "resize": 36}
        self.preprocessing |= {"mean": [0.5] * 3, "std": [0.2] * 3}

    def forward(self, x):
        x = (self.conv(x) * 1e-3 + 5).permute(0, 2, 3, 1)
        return self.head(self.norm(x).permute(0, 3, 1, 2))


class Stubborn(Cancelling):
    '''It insists on float32.'''

    def forward(self, x):
        assert x.dtype is torch.float32
        return super().forward(x)


def cancelling():
    return Cancelling().eval()


def stubborn():
    return Stubborn().eval()
"""


@pytest.fixture(scope="module")
def nets(tmp_path_factory):
    path = tmp_path_factory.mktemp("nets") / "nets.py"
    path.write_text(NETS)
    return path


@pytest.fixture(scope="module")
def cancelling(nets) -> Bundle:
    return export_bundle(f"{nets}:cancelling", out=nets.with_name("cancelling"))


def test_an_ill_conditioned_net_passes_and_its_bundle_keeps_why(cancelling):
    held = cancelling.golden
    (name,) = held.reference
    own = np.abs(held.reference[name] - held.float64[name]).max() / np.abs(held.float64[name]).max()
    assert own > 1e-5  # PyTorch's own float32 misses the bound
    assert cancelling.parity_passed
    again = cancelling.parity()
    assert again.passed
    assert again.to_json()["stages"][:-1] == cancelling.manifest["parity"]["stages"]
    assert again.stages[0].thresholds[0].limit == pytest.approx(4 * own)
    assert "float64" in again.stages[0].note


def test_the_same_verdict_is_given_on_a_device(cancelling):
    found = cancelling.parity_on(open_session, device="board", engines=("litert", "onnxruntime"))
    assert found.report.passed, found.report.failed


def test_a_bound_that_the_user_names_is_not_widened(cancelling):
    named = DEFAULTS.with_stated(float_error=1e-5, int8_sqnr_db=10)
    assert "onnx" in cancelling.parity(named).failed


def test_a_wrong_file_of_such_a_net_still_fails(cancelling, tmp_path):
    proto = onnx.load(cancelling.artifacts["onnx"])
    (stored,) = (i for i in proto.graph.initializer if i.name == "head.bias")
    wrong = numpy_helper.to_array(stored) + np.float32(0.05)
    stored.CopyFrom(numpy_helper.from_array(wrong, "head.bias"))
    onnx.save(proto, tmp_path / "model.onnx")
    held = cancelling.golden
    judge = FloatJudge(cancelling.expected, BOUND, 4.0)
    outputs = open_session(tmp_path / "model.onnx").run([held.samples.normalized[:1]])
    figures = compare_all([*held.reference.values()], outputs)
    found = judge.judge(("onnx", "default"), outputs, figures)
    assert not found.thresholds[0].met_by(found.figures[0])


def test_kernels_that_add_in_order_alone_may_be_further_from_float64(cancelling):
    held = cancelling.golden
    (name,) = held.reference
    exact, own = held.float64[name], held.reference[name]
    error = np.abs(own - exact).max()
    judge = FloatJudge(cancelling.expected, BOUND, 4.0)

    def passes(run, times) -> bool:
        off = exact.copy()
        off.flat[int(np.abs(exact).argmin())] += times * error
        outputs = [off.astype(np.float32)]
        found = judge.judge(run, outputs, compare_all([own], outputs))
        return found.thresholds[0].met_by(found.figures[0])

    for run in (("onnx", "default"), ("tflite", "default"), ("onnx", "reference")):
        assert passes(run, 3)
        assert not passes(run, 5)
    assert passes(("tflite", "reference"), 15)
    assert not passes(("tflite", "reference"), 17)


def test_a_net_that_refuses_float64_is_judged_as_before_and_says_so(nets):
    bundle = export_bundle(
        f"{nets}:stubborn", ExportOptions(formats=("onnx",)), out=nets.with_name("s")
    )
    assert bundle.golden.float64 == {}
    (stage,) = bundle.manifest["parity"]["stages"]
    assert not stage["passed"]
    assert "float64 result cannot be computed" in stage["note"]
    assert not bundle.parity().passed


def test_float64_is_asked_for_only_where_it_decides(tmp_path):
    torch.manual_seed(0)
    found = small_export(nn.Conv2d(3, 4, 3), (12, 12), tmp_path)

    def source() -> Float64:
        pytest.fail("nothing missed its bound")

    judge = FloatJudge(Expected(found.images, found.references, float64=source), BOUND, 4.0)
    arrays = [*found.references.values()]
    judge.judge(("onnx", "default"), arrays, compare_all(arrays, arrays))


def test_the_module_and_the_default_type_stay_as_they_are():
    net = nn.Conv2d(3, 4, 3)
    photos = np.zeros((2, 3, 8, 8), np.float32)

    def run(module, photos):
        return {"logits": module(torch.from_numpy(photos)).detach().numpy()}

    (found,) = float64_outputs(run, net, photos).outputs.values()
    assert found.dtype == np.float64
    assert net.weight.dtype == torch.float32
    assert torch.get_default_dtype() == torch.float32


def test_golden_vectors_hold_float64_only_where_it_was_needed(tmp_path):
    arrays = np.zeros((1, 3, 2, 2), np.float32), np.zeros((1, 2, 2, 3), np.uint8)
    plain = golden.Golden(Images(*arrays), {}, {"logits": np.ones((1, 2), np.float32)})
    plain.save(tmp_path)
    assert golden.load(tmp_path).float64 == {}
    with np.load(tmp_path / golden.FILE_NAME) as held:
        assert not [name for name in held if "float64" in name]


class Prime(nn.Module):
    """A mean of so many values that no file can divide it."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(values)

    def forward(self, x):
        return self.norm(x.relu().flatten(1)[:, : self.norm.normalized_shape[0]])


def test_a_long_mean_on_kernels_that_add_in_order_is_no_fault(tmp_path):
    found = small_export(Prime(49_139), (128, 128), tmp_path)
    assert longest_sum([found.files["tflite"]]) == 49_139
    report = found.check()
    assert report.passed, report.failed
    (stage,) = (s for s in report.stages if s.name == "tflite (reference kernels)")
    assert stage.thresholds[0].limit == pytest.approx(lost(49_139, "reference", "litert"))
    assert "adds up" in stage.note


def test_means_along_several_axes_need_no_such_allowance(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1), nn.ReLU(), nn.GroupNorm(1, 16))
    found = small_export(net, (64, 64), tmp_path)
    assert longest_sum([found.files["onnx"]]) == 16 * 64 * 64
    assert longest_sum([found.files["tflite"]]) == 64
    report = found.check()
    assert report.passed, report.failed
    assert not any("adds up" in s.note for s in report.stages if s.name.startswith("tflite"))


def test_a_long_layer_norm_of_onnxruntime_is_no_fault(tmp_path):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, 3, 1, 1)  # its ReLU leaves little of a channel: a small deviation
    net = nn.Sequential(conv, nn.ReLU(), nn.Flatten(2), nn.LayerNorm(192 * 192))
    found = small_export(net, (192, 192), tmp_path)
    assert longest_sum([found.files["onnx"]]) == 192 * 192
    report = found.check()
    assert report.passed, report.failed
