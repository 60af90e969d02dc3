"""What runs bundles does so where PyTorch, SciPy and ONNX's packages are not installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import edgeconv
from tests.small import blocked

NET = """
from torch import nn


def net():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1, groups=8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10),
    )
"""

PREDICTS = """
import json, sys
import numpy as np
import edgeconv

bundle = edgeconv.Bundle.load("bundle")
photo = np.load("photo.npy")
found = {name: bundle.open(name).predict([photo])[0] for name in ("onnx", "tflite")}
told = {name: [p.logits.tolist(), p.probabilities.tolist()] for name, p in found.items()}
heavy = {"torch", "scipy", "onnx", "onnx_ir"} & set(sys.modules)
print(json.dumps({"told": told, "heavy": sorted(heavy)}))
"""

WRONG_BIAS = """
import edgeconv
from edgeconv.testing import assert_parity

bundle = edgeconv.Bundle.load("wrong", altered=True)
print([stage.name for stage in bundle.parity().stages if not stage.passed])
try:
    assert_parity(bundle)
except AssertionError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a trained net's bundle, and a photo of the size that the net takes."""
    place = tmp_path_factory.mktemp("small")
    (place / "net.py").write_text(NET, encoding="utf-8")
    torch.manual_seed(0)
    module = _module(place)
    save_file(module.state_dict(), place / "w.safetensors")
    options = edgeconv.ExportOptions(
        weights=str(place / "w.safetensors"), int8=True, input_size=(32, 32), calib_samples=20
    )
    edgeconv.export_bundle(f"{place}/net.py:net", options, out=place / "bundle")
    photo = np.random.default_rng(0).integers(0, 256, (48, 40, 3), np.uint8)
    np.save(place / "photo.npy", photo)
    return place


def _module(place: Path) -> torch.nn.Module:
    made: dict[str, object] = {}
    exec((place / "net.py").read_text(), made)
    return made["net"]().eval()  # type: ignore[operator]


def test_a_photo_is_predicted_as_pytorch_does(place: Path) -> None:
    from PIL import Image

    from edgeconv.data.preprocessing import crop_pixels, normalize

    done = blocked.run(place, ["-c", PREDICTS])
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    how = edgeconv.Bundle.load(place / "bundle").preprocessing
    taken = normalize(crop_pixels(Image.fromarray(np.load(place / "photo.npy")), how), how)
    module = _module(place)
    from safetensors.torch import load_file

    module.load_state_dict(load_file(place / "w.safetensors"))
    with torch.no_grad():
        logits = module(torch.from_numpy(taken[None]))[0]
    for own, probabilities in answer["told"].values():
        np.testing.assert_allclose(own, logits.numpy(), atol=1e-5)
        np.testing.assert_allclose(probabilities, logits.softmax(0).numpy(), atol=1e-5)
    assert answer["heavy"] == []


def test_predict_tells_what_it_tells_with_everything_installed(place: Path) -> None:
    from PIL import Image

    Image.fromarray(np.load(place / "photo.npy")).save(place / "photo.png")
    (told,) = blocked.documents(place, "predict", "bundle", "photo.png")["predictions"]
    (whole,) = blocked.documents(place, "predict", "bundle", "photo.png", lacking=())["predictions"]
    assert told == whole
    assert told["top"]


def test_parity_finds_what_it_finds_with_everything_installed(place: Path) -> None:
    told = blocked.documents(place, "parity", "bundle")
    whole = blocked.documents(place, "parity", "bundle", lacking=())
    assert told["status"] == "passed"
    pairs = [(one, other) for one, other in zip(told["stages"], whole["stages"], strict=True)]
    ((one, other),) = (pair for pair in pairs if pair[0] != pair[1])
    assert one["name"] == other["name"] == "int8 operators"
    assert (one["judged"], other["judged"]) == (False, True)
    assert "onnx-ir is not installed" in one["note"]


def test_parity_finds_a_damaged_file(place: Path) -> None:
    wrong = place / "wrong"
    shutil.copytree(place / "bundle", wrong)
    path = wrong / "model.tflite"
    content = bytearray(path.read_bytes())
    bias = _bias(place)
    at = content.index(bias.tobytes())
    content[at : at + bias.nbytes] = (bias + 1).astype(np.float32).tobytes()
    path.write_bytes(content)
    done = blocked.run(place, ["-c", WRONG_BIAS])
    assert done.returncode == 0, done.stderr
    found, *told = done.stdout.splitlines()
    assert "'tflite'" in found
    assert "'onnx'" not in found
    assert told[0].startswith("wrong misses parity: tflite")
    assert told[-1].startswith("which tensor is wrong cannot be told: this needs ")


def _bias(place: Path) -> np.ndarray:
    from safetensors.numpy import load_file

    return load_file(place / "w.safetensors")["6.bias"]


def test_files_are_timed(place: Path) -> None:
    told = blocked.documents(place, "bench", "bundle", "--runs", "3", "--processes", "1")
    names = [row["artifact"]["name"] for row in told["results"]]
    assert names == ["onnx", "tflite", "int8.onnx", "int8.tflite"]
    assert all(row["latency"]["p50_ms"] > 0 for row in told["results"])


@pytest.mark.parametrize(
    ("absent", "package", "left"),
    [
        ("onnxruntime", "onnxruntime", ["tflite", "int8.tflite"]),
        ("ai_edge_litert", "ai-edge-litert", ["onnx", "int8.onnx"]),
    ],
)
def test_files_of_an_engine_that_is_not_there_are_named(
    place: Path, absent: str, package: str, left: list[str]
) -> None:
    lacking = (*blocked.OF_THE_WHOLE, absent)
    told = blocked.documents(place, "parity", "bundle", lacking=lacking)
    judged = {stage["name"].partition(" (")[0] for stage in told["stages"] if stage["judged"]}
    assert judged - {"labels and preprocessing"} == set(left)
    notes = [stage["note"] for stage in told["stages"] if not stage["judged"]]
    assert notes == [f"not run: {package} is not installed"] * 2
    done = blocked.edgeconv(
        *(place, "bench", "bundle", "--runs", "3", "--processes", "1", "--json"), lacking=lacking
    )
    assert f"left out: {package} is not installed" in done.stderr
    assert [row["artifact"]["name"] for row in json.loads(done.stdout)["results"]] == left


def test_without_any_engine_one_line_says_what_to_install(place: Path) -> None:
    lacking = (*blocked.OF_THE_WHOLE, "onnxruntime", "ai_edge_litert")
    done = blocked.edgeconv(place, "parity", "bundle", lacking=lacking)
    assert done.returncode == 3
    assert done.stderr == (
        "error: no engine is installed: pip install ai-edge-litert or onnxruntime\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["export", "squeezenet1_1"],
        ["diagnose", "bundle"],
        ["audit", "bundle/model.tflite"],
        ["inspect", "bundle/model.onnx"],
        ["compare", "a.json", "b.json"],
        ["embed", "bundle", "--as", "python"],
        ["report", "bundle", "--html", "report.html"],
    ],
    ids=lambda words: words[0],
)
def test_the_other_verbs_say_in_one_line_what_to_install(place: Path, words: list[str]) -> None:
    done = blocked.edgeconv(place, *words)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: this needs ")
    assert line.endswith("pip install edgeconv")


def test_so_does_the_api(place: Path) -> None:
    code = (
        "import edgeconv\n"
        "try:\n    edgeconv.export_bundle\n"
        "except edgeconv.EdgeconvError as error:\n    print(error.exit_code, error)"
    )
    done = blocked.run(place, ["-c", code])
    assert done.stdout.startswith("3 edgeconv.export_bundle: this needs "), done.stderr
