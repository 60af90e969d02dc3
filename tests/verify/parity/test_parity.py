"""Parity passes files that compute the net, fails files that do not, and names the stage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.runtime.adapt import Images
from edgeconv.runtime.saturation import WARNING
from edgeconv.verify.parity import against_reference as parity
from edgeconv.verify.parity.expected import Expected
from edgeconv.verify.parity.stages import ParityReport, StageResult
from edgeconv.verify.thresholds import DEFAULTS
from tests.helpers.tiny_models import TinyNet, photos

NET = TinyNet()
PHOTOS = Images(photos(16))
LOGITS = NET.logits(PHOTOS.normalized)
STAGES = [
    "onnx",
    "tflite",
    "tflite (reference kernels)",
    "int8.onnx",
    "int8.onnx (optimizations off)",
    "int8.tflite",
    "int8.tflite (reference kernels)",
    "int8.onnx against int8.tflite",
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return NET.write_all(tmp_path)


@pytest.fixture(autouse=True)
def exact_cpu(monkeypatch):
    monkeypatch.setattr(parity, "int8_convolution_saturates", lambda: False)


def off_by(share: float) -> TinyNet:
    """The net with every weight off by a share of the largest, signs mixed."""
    signs = np.random.default_rng(5).choice([-1, 1], NET.weights.shape).astype(np.float32)
    return replace(NET, weights=NET.weights + share * np.abs(NET.weights).max() * signs)


def stage(report: ParityReport, name: str) -> StageResult:
    return next(s for s in report.stages if s.name == name)


def check(files, images, outputs, thresholds=DEFAULTS, **facts) -> ParityReport:
    named = outputs if isinstance(outputs, dict) else {"logits": outputs}
    return parity.check(files, Expected(images, named, **facts), thresholds)


def test_faithful_files_pass_every_stage(files):
    report = check(files, PHOTOS, {"logits": LOGITS})
    assert [s.name for s in report.stages] == STAGES
    assert all(s.passed for s in report.stages)
    assert report.passed
    assert report.failed == ()


def test_figures_agree_with_what_numpy_computes(files):
    figures = stage(check(files, PHOTOS, LOGITS), "int8.tflite").figures[0]
    scale, weights = NET.weight_scale[:, None, None, None], NET.int8_weights
    steps = np.rint(PHOTOS.normalized / np.float32(NET.input_scale)) * NET.input_scale
    quantized = replace(NET, weights=weights * scale).logits(steps)
    given = np.rint(quantized / NET.output_scale) * NET.output_scale
    error = given - LOGITS
    expected = 10 * np.log10(np.square(LOGITS).sum() / np.square(error).sum())
    assert figures.sqnr_db == pytest.approx(expected, abs=0.3)
    assert figures.flips == (given.argmax(axis=1) != LOGITS.argmax(axis=1)).sum()
    assert figures.flips_that_count == 0


@pytest.mark.parametrize(
    ("broken", "failing"),
    [
        ("onnx", {"onnx"}),
        ("tflite", {"tflite", "tflite (reference kernels)"}),
        ("int8.onnx", {*STAGES[3:5], STAGES[7]}),
        ("int8.tflite", {*STAGES[5:7], STAGES[7]}),
    ],
)
def test_the_file_that_computes_another_net_is_named(files, tmp_path, broken, failing):
    (tmp_path / "other").mkdir()
    files[broken] = off_by(0.9).write_all(tmp_path / "other")[broken]
    report = check(files, PHOTOS, LOGITS)
    assert not report.passed
    assert set(report.failed) == failing


def test_int8_files_that_each_pass_but_disagree_fail_the_pair(files, tmp_path):
    (tmp_path / "other").mkdir()
    files["int8.onnx"] = off_by(0.05).write_all(tmp_path / "other")["int8.onnx"]
    report = check(files, PHOTOS, LOGITS)
    assert report.failed == ("int8.onnx against int8.tflite",)
    assert "floor" in stage(report, report.failed[0]).note


def test_a_small_float_error_passes_deep_nets_only(files, tmp_path):
    (tmp_path / "other").mkdir()
    files["onnx"] = off_by(1e-5).write_all(tmp_path / "other")["onnx"]
    assert "onnx" in check(files, PHOTOS, LOGITS, depth=50).failed
    assert "onnx" not in check(files, PHOTOS, LOGITS, depth=51).failed
    tight = DEFAULTS.with_stated(float_error=1e-9, int8_sqnr_db=60)
    failed = check(files, PHOTOS, LOGITS, depth=51, thresholds=tight).failed
    assert {"onnx", "tflite", "int8.onnx", "int8.tflite"} <= set(failed)


def test_where_this_cpu_saturates_int8_onnx_is_judged_without_optimizations(files, monkeypatch):
    monkeypatch.setattr(parity, "int8_convolution_saturates", lambda: True)
    report = check(files, PHOTOS, LOGITS)
    skipped = stage(report, "int8.onnx")
    assert (skipped.judged, skipped.passed, skipped.figures) == (False, True, ())
    assert "saturate" in skipped.note
    assert stage(report, "int8.onnx (optimizations off)").passed
    assert report.warnings == (WARNING,)


def test_without_int8_onnx_the_cpu_does_not_matter(files, monkeypatch):
    monkeypatch.setattr(parity, "int8_convolution_saturates", lambda: True)
    del files["int8.onnx"]
    assert check(files, PHOTOS, LOGITS).warnings == ()


def test_an_untrained_net_is_not_judged_end_to_end_in_int8(files, tmp_path):
    (tmp_path / "other").mkdir()
    files["int8.tflite"] = off_by(0.9).write_all(tmp_path / "other")["int8.tflite"]
    report = check(files, PHOTOS, LOGITS, trained=False)
    assert report.passed
    informative = [s for s in report.stages if s.name.startswith("int8")]
    assert all(s.passed and not s.judged and "not assessed" in s.note for s in informative)
    assert all(s.figures for s in informative)
    assert stage(report, "tflite").passed


def test_a_failed_stage_from_elsewhere_fails_the_report(files):
    layers = StageResult("layer by layer", "hub", "int8 files", passed=False)
    report = ParityReport((*check(files, PHOTOS, LOGITS).stages, layers))
    assert report.failed == ("layer by layer",)


def test_a_nan_fails_even_where_nothing_else_is_judged(files):
    poisoned = LOGITS.copy()
    poisoned[0, 2] = np.nan
    report = check(files, PHOTOS, poisoned, trained=False)
    assert set(STAGES[:7]) <= set(report.failed)


def test_only_the_artifacts_there_are_checked(files):
    only = check({"model.tflite": files["tflite"]}, PHOTOS, LOGITS)
    assert [s.name for s in only.stages] == STAGES[1:3]


def test_outputs_are_matched_by_name_where_names_agree(files):
    with pytest.raises(UsageError, match="outputs"):
        check(files, PHOTOS, {"logits": LOGITS, "aux": LOGITS})
    assert check(files, PHOTOS, {"another name": LOGITS}).passed


def test_a_file_an_engine_refuses_ends_the_check(files):
    files["int8.onnx"].write_bytes(b"nonsense")
    with pytest.raises(ArtifactRefused, match=r"model\.int8\.onnx"):
        check(files, PHOTOS, LOGITS)


def test_references_need_a_row_for_each_photo(files):
    with pytest.raises(UsageError, match="15 rows for 16"):
        check(files, PHOTOS, LOGITS[:15])
    with pytest.raises(UsageError, match="0 photo"):
        check(files, PHOTOS[:0], LOGITS[:0])


def test_unknown_or_no_artifacts_are_wrong_usage(files):
    with pytest.raises(UsageError, match="int4"):
        check({"int4.onnx": files["onnx"]}, PHOTOS, LOGITS)
    with pytest.raises(UsageError, match="nothing"):
        check({}, PHOTOS, LOGITS)


def test_the_document_repeats_byte_for_byte_and_is_strict_json(files):
    documents = {
        json.dumps(check(files, PHOTOS, LOGITS).to_json(), allow_nan=False) for _ in range(2)
    }
    assert len(documents) == 1
    (text,) = documents
    document = json.loads(text)
    assert document["status"] == "passed"
    assert document["stages"][3]["thresholds"] == [{"figure": "median_sqnr_db", "limit": 10.0}]
