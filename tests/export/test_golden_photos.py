"""Whose photos judge an export: a right net passes on its own kind, a wrong file fails on any."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from typer.testing import CliRunner

import edgeconv
from edgeconv.bundle import golden
from edgeconv.cli.main import app
from edgeconv.errors import BundleRefused
from edgeconv.export.bundle import model_files
from edgeconv.runtime.adapt import Images, run_outputs
from edgeconv.runtime.metrics import sqnr_db
from edgeconv.runtime.open import open_session
from edgeconv.verify.parity.stages import ParityReport
from tests.helpers import reader
from tests.helpers.tflite_edits import change_constant, edited, tensor_named

FORMATS = ("onnx", "tflite")
Make = Callable[..., edgeconv.Bundle]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Exports the reader on crops of digits."""
    place = tmp_path_factory.mktemp("reader")
    weights = reader.write_weights(place / "reader.safetensors")
    photos = reader.write_glyphs(place / "photos", 40)

    def exported(name: str, **changes: Any) -> edgeconv.Bundle:
        given = {"int8": True, "recipe": "fast", "weights": str(weights), "calib": photos}
        options = edgeconv.ExportOptions(**{**given, **changes})
        return edgeconv.export_bundle(reader.TARGET, options, out=place / name)

    return exported


@pytest.fixture(scope="module")
def bundle(make: Make) -> edgeconv.Bundle:
    return make("both")


def images_of(bundle: edgeconv.Bundle) -> Images:
    return bundle.golden.samples


def loosely(report: ParityReport) -> dict[str, Any]:
    """What to print of a report that should have passed."""
    return {s.name: (s.note, s.figures, s.thresholds) for s in report.stages if not s.passed}


class TestANetThatReads:
    def test_its_int8_files_are_far_from_float_on_ordinary_photos(self, bundle):
        """Otherwise nothing here shows anything."""
        for name in ("int8.onnx", "int8.tflite"):
            made = run_outputs(open_session(bundle.artifacts[name]), images_of(bundle))[0]
            assert sqnr_db(bundle.golden.reference["logits"], made) < 5

    def test_it_passes_on_photos_of_its_own_kind(self, bundle):
        assert bundle.parity_passed, bundle.manifest["parity"]["failed"]
        assert bundle.manifest["parity"]["photos"] == {
            "source": "folder",
            "count": 5,
            "held_back": True,
        }
        assert bundle.manifest["quantization"]["calibration"]["photos"] == 35
        rounded = [s for s in bundle.manifest["parity"]["stages"] if s["name"].startswith("int8.")]
        assert len(rounded) == 5
        assert all(s["photos"] == "own" and s["judged"] for s in rounded)

    def test_float_files_are_judged_on_golden_ones_too(self, bundle):
        stages = {s["name"]: s for s in bundle.manifest["parity"]["stages"]}
        for name in ("onnx", "tflite", "tflite (reference kernels)"):
            assert stages[name]["photos"] == "own"
        for name in ("onnx", "tflite"):
            assert stages[f"{name} on built-in photos"]["photos"] == "golden"

    def test_it_passes_again_later(self, bundle):
        report = edgeconv.Bundle.load(bundle.directory).parity()
        assert report.passed, loosely(report)
        held = [s for s in report.stages if s.a == "the same file at the export"]
        assert [s.b for s in held] == [
            "int8.onnx",
            "int8.onnx (optimizations off)",
            "int8.tflite",
            "int8.tflite (reference kernels)",
        ]
        assert all(s.judged and s.thresholds and s.figures for s in held)

    def test_it_passes_on_a_device(self, bundle):
        found = bundle.parity_on(open_session, device="it", engines=("onnxruntime", "litert"))
        assert found.report.passed, loosely(found.report)

    def test_diagnose_finds_nothing_broken_and_says_whose_photos_it_saw(self, bundle):
        result = CliRunner().invoke(app, ["diagnose", str(bundle.directory)])
        assert result.exit_code == 0, result.output
        assert "of another kind than those the net was calibrated on" in result.stdout

    def test_every_precision_passes_now_and_later(self, make):
        names = ("int8", "float16", "weight-only-int8", "dynamic-int8", "int16x8")
        made = make("precisions", precisions=names)
        assert made.parity_passed, made.manifest["parity"]["failed"]
        report = made.parity()
        assert report.passed, loosely(report)

    def test_in_batches_that_its_photos_do_not_fill(self, make):
        made = make("batches", batch=3, precisions=("dynamic-int8",))
        assert made.parity_passed, made.manifest["parity"]["failed"]
        report = made.parity()
        assert report.passed, loosely(report)

    def test_the_same_inputs_give_the_same_bytes(self, bundle, make):
        again = make("again")
        for path in filter(Path.is_file, bundle.directory.rglob("*")):
            same = again.directory / path.relative_to(bundle.directory)
            assert same.read_bytes() == path.read_bytes(), path.name


class TestWhatABundleHolds:
    def test_photos_of_the_user_stay_on_the_machine(self, bundle):
        assert bundle.manifest["golden"]["source"] == "builtin"
        assert bundle.golden.samples.pixels.mean() > 60, "crops of digits are nearly black"

    def test_golden_from_calib_puts_those_that_were_held_back_into_it(self, make):
        made = make("published", golden_from_calib=True)
        vectors = made.golden
        assert made.manifest["golden"] == {"source": "folder", "count": 5, "held_back": True}
        crops = {crop.tobytes() for crop in reader.glyphs(40, seed=2)[0]}
        assert {photo.tobytes() for photo in vectors.samples.pixels} < crops
        assert not vectors.as_exported
        report = made.parity()
        assert report.passed, loosely(report)
        assert {s.a for s in report.stages if s.name.startswith("int8.tflite")} == {"reference"}

    def test_a_folder_of_very_few_photos_judges_by_what_calibration_saw(self, make, tmp_path):
        made = make("few", calib=reader.write_glyphs(tmp_path / "few", 7))
        assert made.manifest["parity"]["photos"] == {
            "source": "folder",
            "count": 7,
            "held_back": False,
        }
        assert made.manifest["quantization"]["calibration"]["photos"] == 7

    def test_what_the_files_gave_is_kept_as_real_numbers(self, bundle):
        kept = bundle.golden.as_exported["int8.tflite", "reference"]
        made = run_outputs(open_session(bundle.artifacts["int8.tflite"]), images_of(bundle)[:2])
        assert [array.shape for array in kept] == [array.shape for array in made]
        assert sqnr_db(made[0], kept[0]) > 20

    def test_an_untrained_net_is_judged_as_before(self, make):
        made = make("untrained", weights="random")
        assert not made.trained
        assert made.parity_passed
        assert not made.golden.as_exported
        assert made.parity().passed


def swapped(array: NDArray[Any]) -> NDArray[Any]:
    array[[0, 1]] = array[[1, 0]]
    return array


def negated_channel(array: NDArray[Any]) -> NDArray[Any]:
    array[1] = np.clip(-array[1].astype(np.float64), -127, 127)
    return array


def shifted(array: NDArray[Any]) -> NDArray[Any]:
    return array + np.abs(array).max()


CONSTANTS = {
    "swapped channels": ("body.1.0.weight", swapped),
    "a negated channel": ("head.weight", negated_channel),
    "a bias": ("head.bias", shifted),
    "other weights": ("body.0.0.weight", lambda array: array[..., ::-1]),
}
PARAMETERS = {"scale": lambda array: array * 1.2, "zero_point": lambda array: array + 9}
#: What has a wrong scale or zero point. Beside a PAD of another one LiteRT opens no file.
WRONG = (
    *(("int8.onnx", tensor) for tensor in ("body.0.2", "body.2.2", "logits")),
    ("int8.tflite", "logits"),
)


def wrong_constant(path: Path, name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    """Gives a file other integers in one place."""
    if path.suffix == ".tflite":
        edited(path, lambda model: change_constant(model, name, change))
        return
    proto = onnx.load(path)
    (stored,) = (i for i in proto.graph.initializer if i.name == name)
    array = numpy_helper.to_array(stored).copy()
    stored.CopyFrom(numpy_helper.from_array(change(array).astype(array.dtype), name))
    onnx.save(proto, path)


def wrong_parameter(path: Path, tensor: str, parameter: str) -> None:
    """Gives a tensor of a file another scale or zero point."""
    if path.suffix == ".onnx":
        wrong_constant(path, f"{tensor}::{parameter}", PARAMETERS[parameter])
        return

    def change(model: Any) -> None:
        quantization = tensor_named(model, tensor).quantization
        field = "scale" if parameter == "scale" else "zeroPoint"
        setattr(quantization, field, PARAMETERS[parameter](getattr(quantization, field)))

    edited(path, change)


class TestAWrongFileFails:
    """Also alone, where no other int8 file is there to compare its integers with.

    There another scale of an activation is another grid that the file computes rightly on.
    """

    @pytest.fixture(scope="class")
    def held(self, make: Make, bundle: edgeconv.Bundle) -> dict[str, edgeconv.Bundle]:
        alone = {name: make(f"only-{name}", formats=(name,)) for name in FORMATS}
        return {**alone, "both": bundle}

    @pytest.fixture
    def copied(
        self, held: dict[str, edgeconv.Bundle], tmp_path: Path
    ) -> Callable[[str], edgeconv.Bundle]:
        def copy(name: str) -> edgeconv.Bundle:
            shutil.copytree(held[name].directory, tmp_path / name)
            return edgeconv.Bundle(tmp_path / name, held[name].manifest)

        return copy

    def check(self, bundle: edgeconv.Bundle) -> None:
        failed = [stage for stage in bundle.parity(contained=True).stages if not stage.passed]
        assert failed
        assert all(stage.b.startswith("int8.") for stage in failed)

    @pytest.mark.parametrize("name", FORMATS)
    def test_the_right_one_passes(self, copied, name):
        assert copied(name).parity(contained=True).passed

    @pytest.mark.parametrize("change", CONSTANTS)
    @pytest.mark.parametrize("name", FORMATS)
    def test_of_wrong_integers(self, copied, name, change):
        bundle = copied(name)
        tensor, how = CONSTANTS[change]
        suffix = "::int32" if tensor.endswith("bias") else "::int8"
        path = bundle.artifacts[f"int8.{name}"]
        wrong_constant(path, tensor + (suffix if name == "onnx" else ""), how)
        self.check(bundle)

    @pytest.mark.parametrize("name", FORMATS)
    def test_of_a_wrong_scale_of_weights(self, copied, name):
        bundle = copied(name)
        wrong_parameter(bundle.artifacts[f"int8.{name}"], "body.1.0.weight", "scale")
        self.check(bundle)

    @pytest.mark.parametrize("parameter", PARAMETERS)
    @pytest.mark.parametrize(("artifact", "tensor"), WRONG)
    def test_of_a_wrong_scale_or_zero_point(self, copied, artifact, tensor, parameter):
        bundle = copied("both")
        wrong_parameter(bundle.artifacts[artifact], tensor, parameter)
        self.check(bundle)

    @pytest.mark.parametrize("name", FORMATS)
    def test_at_the_export_on_photos_of_its_own_kind(self, make, name, monkeypatch):
        write = model_files.write

        def spoilt(model: Any, directory: Path, *rest: Any, **said: Any) -> None:
            write(model, directory, *rest, **said)
            path = directory / f"model.int8.{name}"
            if path.is_file():
                suffix = "::int8" if name == "onnx" else ""
                wrong_constant(path, f"body.1.0.weight{suffix}", negated_channel)

        monkeypatch.setattr(model_files, "write", spoilt)
        made = make(f"spoilt-{name}", formats=(name,))
        assert f"int8.{name}" in made.manifest["parity"]["failed"]


def test_kept_outputs_of_other_shapes_are_refused(bundle, tmp_path):
    for rows in (np.zeros((2, 9), np.float32), np.zeros((99, 10), np.float32)):
        shutil.copy(bundle.directory / golden.FILE_NAME, tmp_path)
        with np.load(tmp_path / golden.FILE_NAME) as archive:
            held = dict(archive)
        held["exported_int8.tflite_default"] = rows
        np.savez_compressed(tmp_path / golden.FILE_NAME, **held)
        with pytest.raises(BundleRefused, match="exported_int8"):
            golden.load(tmp_path)
