"""Bundles with less int8: --max-drop, what it leaves in float, and what photos show of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

import edgeconv
from edgeconv.cli.main import app
from edgeconv.errors import RefusedError, ThresholdMissed, UsageError
from edgeconv.export.calibration import HELD_BACK_PHOTOS
from edgeconv.nets.load import load_net
from edgeconv.verify.audit.any_file import audit
from edgeconv.verify.diagnose import diagnose

#: Out of reach for any net with a tie somewhere: as much as may be stays in float.
OUT_OF_REACH = 1e-9
#: Photos in the folder.
COUNT = 160
#: Those that do not judge the files.
OTHERS = COUNT - HELD_BACK_PHOTOS


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Channels apart in range, as trained ones are: int8 then changes some answers."""
    path = tmp_path_factory.mktemp("weights") / "squeezenet1_1.safetensors"
    state = load_net("squeezenet1_1", weights="random").module.state_dict()
    generator = torch.Generator().manual_seed(0)
    for name, weight in state.items():
        if weight.dim() == 4 and "classifier" not in name:
            weight *= torch.exp(torch.randn(len(weight), 1, 1, 1, generator=generator) / 2)
    save_file(state, path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos") / "coloured"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for index in range(COUNT):
        tiles = generator.integers(0, 255, (5, 5, 3), dtype=np.uint8)
        image = Image.fromarray(tiles).resize((64, 64), Image.Resampling.BICUBIC)
        image.save(folder / f"{index:03}.png")
    return folder


def make(weights: Path, out: Path, **changes: object) -> edgeconv.Bundle:
    options = {"weights": str(weights), "input_size": (64, 64), "recipe": "fast", "int8": True}
    options |= changes
    return edgeconv.export_bundle("squeezenet1_1", edgeconv.ExportOptions(**options), out=out)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def mixed(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> edgeconv.Bundle:
    """As much in float as may be, shown by nothing: the built-in photos judge no one's plan."""
    out = tmp_path_factory.mktemp("mixed") / "b"
    return make(weights, out, max_drop=OUT_OF_REACH)


@pytest.fixture(scope="module")
def judged(
    weights: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> edgeconv.Bundle:
    out = tmp_path_factory.mktemp("judged") / "b"
    return make(weights, out, max_drop=20.0, calib=photos, formats=("onnx",))


def said(bundle: edgeconv.Bundle) -> dict:
    return bundle.manifest["quantization"]["mixed_precision"]


def first_classes(bundle: edgeconv.Bundle, name: str, photos: Path) -> dict[str, int]:
    """What a file says of each photo."""
    model = bundle.open(name)
    return {p.name: model.predict([str(p)])[0].top(1)[0].index for p in sorted(photos.iterdir())}


class TestLeftInFloat:
    def test_the_manifest_names_what_stayed_in_float(self, mixed: edgeconv.Bundle) -> None:
        told = said(mixed)
        assert 0 < told["multiply_adds_share"] <= 0.5
        kept = [island["node"] for island in told["islands"]]
        assert sorted(kept) == mixed.quantization["tensors"]["islands"]
        work = sum(island["multiply_adds"] for island in told["islands"])
        total = mixed.manifest["net"]["multiply_adds"]
        assert told["multiply_adds_share"] == pytest.approx(work / total, abs=1e-6)

    @pytest.mark.parametrize("name", ["int8.onnx", "int8.tflite"])
    def test_both_files_keep_that_share_in_float(self, mixed: edgeconv.Bundle, name: str) -> None:
        share = said(mixed)["multiply_adds_share"]
        assert audit(mixed.artifacts[name]).int8_share == pytest.approx(1 - share, abs=1e-6)

    def test_parity_and_diagnose_take_the_islands(self, mixed: edgeconv.Bundle) -> None:
        report = mixed.parity()
        assert report.passed
        operators = next(stage for stage in report.stages if stage.name == "int8 operators")
        assert operators.passed
        golden = mixed.golden
        found = diagnose(
            mixed.artifacts,
            golden.samples,
            golden.reference,
            recorded=mixed.quantization["tensors"],
        )
        assert [f for f in found.findings if f.kind == "parameters"] == []


class TestPromise:
    def test_built_in_photos_promise_nothing(self, mixed: edgeconv.Bundle) -> None:
        promise = said(mixed)["promise"]
        assert not promise["shown"]
        assert promise["outcome"] is None
        assert (promise["calibrated"], promise["chose"], promise["source"]) == (32, 32, "builtin")

    def test_a_promise_says_of_how_many_photos(self, judged: edgeconv.Bundle) -> None:
        promise = said(judged)["promise"]
        assert promise["shown"]
        assert promise["of"] == "top-1 changed"
        assert (promise["at_most"], promise["confidence"]) == (20.0, 0.95)
        assert promise["outcome"]["photos"] == OTHERS // 2
        assert promise["calibrated"] + promise["chose"] == OTHERS // 2
        assert judged.manifest["quantization"]["calibration"]["photos"] == promise["calibrated"]

    def test_the_counts_are_those_of_the_exported_files(
        self, judged: edgeconv.Bundle, photos: Path
    ) -> None:
        """Both files in onnxruntime, on every photo: those that judge are among them."""
        exact, rounded = (first_classes(judged, name, photos) for name in ("onnx", "int8.onnx"))
        changed = sum(exact[file] != rounded[file] for file in exact)
        assert said(judged)["promise"]["outcome"]["changed"] <= changed + 1

    def test_labels_tell_what_is_lost_from_what_only_changes(
        self, weights: Path, photos: Path, judged: edgeconv.Bundle, tmp_path: Path
    ) -> None:
        """By labels that are the float net's answers, each change is a loss."""
        exact = first_classes(judged, "onnx", photos)
        csv = tmp_path / "labels.csv"
        csv.write_text("\n".join(["file,label", *(f"{k},{v}" for k, v in exact.items())]))
        options = {"max_drop": 20.0, "calib": photos, "labels": csv, "formats": ("onnx",)}
        labelled = make(weights, tmp_path / "b", **options)
        promise = said(labelled)["promise"]
        assert promise["of"] == "top-1 lost"
        outcome = promise["outcome"]
        rounded = first_classes(labelled, "int8.onnx", photos)
        assert 0 < outcome["changed"] <= 1 + sum(exact[file] != rounded[file] for file in exact)
        assert (outcome["lost"], outcome["gained"]) == (outcome["changed"], 0)

    def test_labels_that_are_no_class_are_refused(
        self, weights: Path, photos: Path, tmp_path: Path
    ) -> None:
        csv = tmp_path / "labels.csv"
        csv.write_text("file,label\n000.png,5000")
        with pytest.raises(RefusedError, match="5000"):
            make(weights, tmp_path / "b", max_drop=20.0, calib=photos, labels=csv)
        assert not (tmp_path / "b").exists()


class TestCommand:
    def test_what_is_not_shown_is_told_before_and_after_and_is_exit_code_1(
        self, weights: Path, photos: Path, tmp_path: Path
    ) -> None:
        arguments = ["export", "squeezenet1_1", "--int8", "--weights", str(weights), "--input-size"]
        arguments += ["64", "--recipe", "fast", "--format", "tflite", "--out", str(tmp_path / "b")]
        arguments += ["--max-drop", "0.5", "--calib", str(photos)]
        result = CliRunner().invoke(app, arguments)
        assert "160 photos are too few; at least 862 are needed" in result.stderr
        assert "--max-drop 0.5 is NOT SHOWN" in result.stdout
        assert isinstance(result.exception, ThresholdMissed)
        assert result.exception.exit_code == 1
        assert "862 at least" in str(result.exception)
        assert (tmp_path / "b" / "manifest.json").is_file()

    @pytest.mark.parametrize("bound", [0.0, -1.0, 101.0, float("nan")])
    def test_bounds_that_mean_nothing_are_refused(self, bound: float) -> None:
        with pytest.raises(UsageError, match="--max-drop"):
            edgeconv.ExportOptions(int8=True, max_drop=bound)

    def test_without_int8_files_there_is_nothing_to_bound(self) -> None:
        with pytest.raises(UsageError, match="add --int8"):
            edgeconv.ExportOptions(max_drop=1.0)
