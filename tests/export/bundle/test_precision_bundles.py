"""Bundles with more than int8 in them, and with less int8: --precision and --max-drop."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import save_file
from typer.testing import CliRunner

import edgeconv
from edgeconv.cli.main import app
from edgeconv.cli.shown.bundle import show_bundle
from edgeconv.errors import ThresholdMissed, UnknownName, UsageError
from edgeconv.nets.load import load_net
from edgeconv.runtime.adapt import Images
from edgeconv.verify.audit.any_file import audit
from edgeconv.verify.diagnose import diagnose

#: Out of reach for any net with a tie somewhere: as much as may be stays in float.
OUT_OF_REACH = 1e-9


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "squeezenet1_1.safetensors"
    save_file(load_net("squeezenet1_1", weights="random").module.state_dict(), path)
    return path


def make(weights: Path, out: Path, **changes: object) -> edgeconv.Bundle:
    options = {"weights": str(weights), "input_size": (64, 64), "recipe": "fast", **changes}
    return edgeconv.export_bundle("squeezenet1_1", edgeconv.ExportOptions(**options), out=out)


@pytest.fixture(scope="module")
def every(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> edgeconv.Bundle:
    names = ("float16", "weight-only-int8", "dynamic-int8", "int16x8")
    out = tmp_path_factory.mktemp("every") / "b"
    return make(weights, out, int8=True, precisions=names, calib_samples=8)


@pytest.fixture(scope="module")
def mixed(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> edgeconv.Bundle:
    out = tmp_path_factory.mktemp("mixed") / "b"
    return make(weights, out, int8=True, max_drop=OUT_OF_REACH, calib_samples=33)


class TestPrecisions:
    def test_there_is_a_file_of_each_in_both_formats(self, every: edgeconv.Bundle) -> None:
        names = ("int8", "float16", "weight-only-int8", "dynamic-int8", "int16x8")
        wanted = {f"{name}.{suffix}" for name in names for suffix in ("onnx", "tflite")}
        assert set(every.artifacts) == wanted | {"onnx", "tflite"}
        sizes = {name: path.stat().st_size for name, path in every.artifacts.items()}
        assert sizes["float16.tflite"] < 0.52 * sizes["tflite"]
        assert sizes["int16x8.tflite"] < 0.3 * sizes["tflite"]

    def test_parity_judges_each(self, every: edgeconv.Bundle) -> None:
        report = every.parity()
        assert report.passed
        judged = {stage.name.partition(" ")[0] for stage in report.stages if stage.figures}
        assert set(every.artifacts) <= judged

    def test_the_manifest_says_what_engines_compute(self, every: edgeconv.Bundle) -> None:
        said = every.manifest["artifacts"]
        assert said["tflite"]["computes"] == "float32"
        assert said["int16x8.tflite"]["precision"] == "int16x8"
        assert said["int16x8.onnx"]["computes"].startswith("float32: onnxruntime has no int16")

    def test_the_summary_says_so_too(
        self, every: edgeconv.Bundle, capsys: pytest.CaptureFixture[str]
    ) -> None:
        show_bundle(every)
        printed = " ".join(capsys.readouterr().out.split())
        assert "model.int16x8.onnx: float32: onnxruntime has no int16 kernels" in printed
        assert "model.int8.onnx:" not in printed

    def test_each_predicts(self, every: edgeconv.Bundle) -> None:
        photo = every.golden.pixels[0]
        best = {name: every.open(name).predict([photo])[0].top(1) for name in every.artifacts}
        assert all(0 < found[0].probability <= 1 for found in best.values())

    def test_float16_alone_needs_no_calibration(self, weights: Path, tmp_path: Path) -> None:
        bundle = make(weights, tmp_path / "b", precisions=("float16",), formats=("tflite",))
        assert set(bundle.artifacts) == {"tflite", "float16.tflite"}
        assert "quantization" not in bundle.manifest

    def test_unknown_names_and_impossible_ends_are_refused(self) -> None:
        with pytest.raises(UnknownName, match="int16x8"):
            edgeconv.ExportOptions(precisions=("int4",))  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="export them apart"):
            edgeconv.ExportOptions(int8=True, precisions=("int16x8",), io="uint8")
        assert edgeconv.ExportOptions(precisions=("int8",)).wants("int8")


class TestMaxDrop:
    def test_the_manifest_names_what_stayed_in_float(self, mixed: edgeconv.Bundle) -> None:
        said = mixed.manifest["quantization"]["mixed_precision"]
        assert not said["met"]
        assert 0 < said["multiply_adds_share"] <= 0.5
        kept = [island["node"] for island in said["islands"]]
        assert sorted(kept) == mixed.manifest["quantization"]["tensors"]["islands"]
        work = sum(island["multiply_adds"] for island in said["islands"])
        total = mixed.manifest["net"]["multiply_adds"]
        assert said["multiply_adds_share"] == pytest.approx(work / total, abs=1e-6)
        assert said["predicted_drop"]["photos"] == 33  # each judges the plan of the others

    @pytest.mark.parametrize("name", ["int8.onnx", "int8.tflite"])
    def test_both_files_keep_that_share_in_float(self, mixed: edgeconv.Bundle, name: str) -> None:
        share = mixed.manifest["quantization"]["mixed_precision"]["multiply_adds_share"]
        assert audit(mixed.artifacts[name]).int8_share == pytest.approx(1 - share, abs=1e-6)

    def test_parity_and_diagnose_take_the_islands(self, mixed: edgeconv.Bundle) -> None:
        report = mixed.parity()
        assert report.passed
        operators = next(stage for stage in report.stages if stage.name == "int8 operators")
        assert operators.passed
        golden = mixed.golden
        found = diagnose(
            mixed.artifacts,
            Images(golden.normalized, golden.pixels),
            golden.reference,
            recorded=mixed.manifest["quantization"]["tensors"],
        )
        assert [f for f in found.findings if f.kind == "parameters"] == []

    def test_a_bound_that_is_missed_is_exit_code_1(self, weights: Path, tmp_path: Path) -> None:
        arguments = ["export", "squeezenet1_1", "--int8", "--weights", str(weights), "--input-size"]
        arguments += ["64", "--recipe", "fast", "--format", "tflite", "--out", str(tmp_path / "b")]
        result = CliRunner().invoke(app, [*arguments, "--max-drop", str(OUT_OF_REACH)])
        assert "in float" in result.stdout
        assert "MISSED" in result.stdout
        assert isinstance(result.exception, ThresholdMissed)
        assert "out of reach" in str(result.exception)
        assert "calibration photos" in str(result.exception)

    def test_a_bound_within_reach_keeps_all_in_int8(self, weights: Path, tmp_path: Path) -> None:
        bundle = make(weights, tmp_path / "b", int8=True, max_drop=50.0, formats=("tflite",))
        plain = make(weights, tmp_path / "plain", int8=True, formats=("tflite",))
        files = [b.artifacts["int8.tflite"].read_bytes() for b in (bundle, plain)]
        assert files[0] == files[1]
        said = bundle.manifest["quantization"]["mixed_precision"]
        assert said["met"]
        assert said["islands"] == []
        assert audit(bundle.artifacts["int8.tflite"]).int8_share == 1.0

    def test_too_few_photos_are_refused(self, weights: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="31 are too few: give at least 32"):
            make(weights, tmp_path / "b", int8=True, max_drop=1.0, calib_samples=31)
        assert not (tmp_path / "b").exists()

    @pytest.mark.parametrize("bound", [0.0, -1.0, 101.0, float("nan")])
    def test_bounds_that_mean_nothing_are_refused(self, bound: float) -> None:
        with pytest.raises(UsageError, match="--max-drop"):
            edgeconv.ExportOptions(int8=True, max_drop=bound)

    def test_without_int8_files_there_is_nothing_to_bound(self) -> None:
        with pytest.raises(UsageError, match="add --int8"):
            edgeconv.ExportOptions(max_drop=1.0)
