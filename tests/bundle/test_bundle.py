"""A bundle: complete, repeatable, tamper-evident, and usable from Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import edgeconv
from edgeconv.bundle import own_words
from edgeconv.bundle.manifest import sha256_of
from edgeconv.errors import BundleRefused, NetRefused, UnknownName
from edgeconv.nets.load import load_net

OPTIONS = {"int8": True, "input_size": (64, 64), "calib_samples": 8}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "squeezenet1_1.safetensors"
    save_file(load_net("squeezenet1_1", weights="random").module.state_dict(), path)
    return path


def make(weights: Path, out: Path, **changes: object) -> edgeconv.Bundle:
    options = edgeconv.ExportOptions(**{**OPTIONS, "weights": str(weights), **changes})
    return edgeconv.export_bundle("squeezenet1_1", options, out=out)


@pytest.fixture(scope="module")
def bundle(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> edgeconv.Bundle:
    return make(weights, tmp_path_factory.mktemp("bundle") / "b")


def files_of(bundle: edgeconv.Bundle) -> set[str]:
    """The names of all files in a bundle and its folders."""
    held = bundle.directory.rglob("*")
    return {str(path.relative_to(bundle.directory)) for path in held if path.is_file()}


def test_it_holds_what_the_manifest_says(bundle: edgeconv.Bundle) -> None:
    held = files_of(bundle)
    assert {name for name in held if "/" not in name} == {
        "manifest.json",
        "model.onnx",
        "model.tflite",
        "model.int8.onnx",
        "model.int8.tflite",
        "labels.txt",
        "golden.npz",
        "quantization.json",
    }
    assert set(bundle.manifest["files"]) == held - {"manifest.json"}
    for name, facts in bundle.manifest["files"].items():
        assert sha256_of(bundle.directory / name) == facts["sha256"]


def test_the_same_inputs_give_the_same_bytes(
    bundle: edgeconv.Bundle, weights: Path, tmp_path: Path
) -> None:
    again = make(weights, tmp_path / "again")
    assert files_of(again) == files_of(bundle)
    for name in files_of(bundle):
        assert (again.directory / name).read_bytes() == (bundle.directory / name).read_bytes(), name


def test_golden_vectors_are_the_pytorch_net(bundle: edgeconv.Bundle, weights: Path) -> None:
    golden = bundle.golden
    module = load_net("squeezenet1_1", weights=str(weights)).module
    with torch.no_grad():
        logits = module(torch.from_numpy(golden.samples.normalized)).numpy()
    np.testing.assert_allclose(golden.reference["logits"], logits, rtol=1e-5, atol=1e-5)


def test_the_app_input_of_golden_is_the_manifests_recipe(bundle: edgeconv.Bundle) -> None:
    golden = bundle.golden
    taken = bundle.manifest["artifacts"]["int8.tflite"]["inputs"][0]
    pre = bundle.preprocessing
    real = (golden.samples.pixels / 255 - np.array(pre.mean)) / np.array(pre.std)
    steps = np.clip(np.rint(real / taken["scale"]) + taken["zero_point"], -128, 127)
    (fed,) = golden.app_inputs.values()
    assert np.abs(fed - steps).max() <= 1
    assert (fed != steps).mean() < 1e-3, "float32 against float64 at a tie"


def test_parity_can_be_checked_again(bundle: edgeconv.Bundle) -> None:
    report = bundle.parity()
    stages = json.loads(json.dumps(report.to_json()))["stages"]
    exported = [stage["name"] for stage in bundle.manifest["parity"]["stages"]]
    assert [stage["name"] for stage in stages] == [*exported, own_words.STAGE]


def test_a_file_altered_after_the_export_is_refused(
    bundle: edgeconv.Bundle, tmp_path: Path
) -> None:
    copy = tmp_path / "b"
    shutil.copytree(bundle.directory, copy)
    data = bytearray((copy / "model.int8.tflite").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model.int8.tflite").write_bytes(data)
    with pytest.raises(BundleRefused, match=r"model\.int8\.tflite was altered"):
        edgeconv.Bundle.load(copy)


def test_a_missing_file_is_refused(bundle: edgeconv.Bundle, tmp_path: Path) -> None:
    copy = tmp_path / "b"
    shutil.copytree(bundle.directory, copy)
    (copy / "labels.txt").unlink()
    with pytest.raises(BundleRefused, match=r"labels\.txt is missing"):
        edgeconv.Bundle.load(copy)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"files": 3}', '{"files": {}, "format": 99}', "[" * 100_000]
)
def test_a_hostile_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BundleRefused, match=r"manifest\.json"):
        edgeconv.Bundle.load(tmp_path)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/b"])
def test_a_manifest_cannot_point_outside(
    bundle: edgeconv.Bundle, tmp_path: Path, name: str
) -> None:
    document = {**bundle.manifest, "files": {name: {"bytes": 0, "sha256": ""}}}
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(BundleRefused, match="no plain file name"):
        edgeconv.Bundle.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"net": 5}, "net.depth is no int"),
        ({"artifacts": []}, "artifacts is no dict"),
        ({"preprocessing": 5}, "preprocessing is no dict"),
        ({"quantization": []}, "quantization is no dict"),
        ({"weights": {"trained": "yes"}}, "weights.trained is no bool"),
    ],
)
def test_an_altered_manifest_is_refused(
    bundle: edgeconv.Bundle, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle.directory, copy)
    (copy / "manifest.json").write_text(json.dumps({**bundle.manifest, **changes}))
    with pytest.raises(BundleRefused, match=said):
        edgeconv.Bundle.load(copy)


def test_a_manifest_that_is_silent_on_preprocessing_is_refused(
    bundle: edgeconv.Bundle, tmp_path: Path
) -> None:
    """Null says that nothing is known of it; a manifest without the key was cut."""
    copy = tmp_path / "copy"
    shutil.copytree(bundle.directory, copy)
    rest = {key: told for key, told in bundle.manifest.items() if key != "preprocessing"}
    (copy / "manifest.json").write_text(json.dumps(rest))
    with pytest.raises(BundleRefused, match="preprocessing is no dict"):
        edgeconv.Bundle.load(copy)


def test_predict_takes_paths_pictures_and_arrays(bundle: edgeconv.Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 255, (90, 120, 3), dtype=np.uint8)
    picture = Image.fromarray(array)
    picture.save(tmp_path / "photo.png")
    for name in bundle.artifacts:
        net = bundle.open(name)
        predictions = net.predict([tmp_path / "photo.png", picture, array])
        assert len({p.logits.tobytes() for p in predictions}) == 1
        best = predictions[0].top(5)
        assert best[0].label is not None
        assert [c.probability for c in best] == sorted((c.probability for c in best), reverse=True)
        assert abs(predictions[0].probabilities.sum() - 1) < 1e-9


def test_an_unknown_artifact_names_those_there(bundle: edgeconv.Bundle) -> None:
    with pytest.raises(UnknownName, match=r"int8\.tflite"):
        bundle.open("int4.tflite")


def test_onnx_files_carry_preprocessing_and_labels(bundle: edgeconv.Bundle) -> None:
    session = onnxruntime.InferenceSession(bundle.artifacts["int8.onnx"])
    held = session.get_modelmeta().custom_metadata_map
    assert json.loads(held["edgeconv.preprocessing"]) == bundle.manifest["preprocessing"]
    assert len(json.loads(held["edgeconv.labels"])) == 1000


@pytest.mark.parametrize("io", ["uint8", "float32"])
def test_every_io_agrees_with_the_reference(weights: Path, tmp_path: Path, io: str) -> None:
    made = make(weights, tmp_path / io, io=io)
    assert made.parity_passed, made.manifest["parity"]["failed"]
    ends = made.manifest["artifacts"]["int8.tflite"]
    assert ends["inputs"][0]["dtype"] == io
    (fed,) = made.golden.app_inputs.values()
    if io == "uint8":
        assert np.array_equal(fed, made.golden.samples.pixels)
        assert made.manifest["artifacts"]["int8.onnx"]["inputs"][0]["dtype"] == "uint8"


def test_one_format_alone(weights: Path, tmp_path: Path) -> None:
    made = make(weights, tmp_path / "b", formats=("onnx",))
    assert list(made.artifacts) == ["onnx", "int8.onnx"]
    assert not made.golden.app_inputs


def test_batches_are_part_of_the_shape(weights: Path, tmp_path: Path) -> None:
    made = make(weights, tmp_path / "b", batch=3)
    assert made.manifest["graph"]["inputs"]["input"] == [3, 3, 64, 64]
    assert made.parity_passed, made.manifest["parity"]["failed"]


def test_an_untrained_bundle_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = edgeconv.ExportOptions(**{**OPTIONS, "weights": "random"})
    made = edgeconv.export_bundle("mobilenet_v2", options)
    assert made.directory.name == "mobilenet_v2-untrained"
    assert not made.trained
    assert made.manifest["weights"]["trained"] is False
    assert made.labels is None
    notes = [stage["note"] for stage in made.manifest["parity"]["stages"]]
    assert any("accuracy not assessed" in note for note in notes)
    variances = made.golden.reference["logits"].std()
    assert np.isfinite(variances)


def test_nested_outputs_are_exported_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 4, 3)\n"
        "    def forward(self, x):\n"
        "        y = self.conv(x)\n"
        "        return {'heads': (y.mean((2, 3)), y.amax((2, 3))), 'map': y}\n"
        "def build():\n"
        "    return Net()\n"
    )
    made = edgeconv.export_bundle("net.py:build", edgeconv.ExportOptions(input_size=(32, 32)))
    assert made.parity_passed
    assert len(made.golden.reference) == 3
    (stage,) = (s for s in made.manifest["parity"]["stages"] if s["name"] == "tflite")
    found = dict(zip(stage["outputs"], stage["figures"], strict=True))
    assert list(found) == ["heads_0", "heads_1", "map"]
    assert found["map"]["top1_agreement"] is None
    assert found["heads_0"]["top1_agreement"] == 1.0


@pytest.mark.parametrize(("classes", "fits"), [(4, True), (2, False)])
def test_labels_must_be_as_many_as_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classes: int, fits: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
        f"    net.labels = list('abcd')[:{classes}]\n"
        "    return net\n"
    )
    options = edgeconv.ExportOptions(input_size=(32, 32))
    if fits:
        assert edgeconv.export_bundle("net.py:build", options).labels == tuple("abcd")
        return
    with pytest.raises(NetRefused, match="2 labels"):
        edgeconv.export_bundle("net.py:build", options)
    assert list(tmp_path.iterdir()) == [tmp_path / "net.py"]
