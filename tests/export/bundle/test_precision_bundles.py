"""Bundles with more than int8 in them: --precision."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import save_file

import edgeconv
from edgeconv.cli.shown.bundle import show_bundle
from edgeconv.errors import UnknownName, UsageError
from edgeconv.nets.load import load_net


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
        photo = every.golden.samples.pixels[0]
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
