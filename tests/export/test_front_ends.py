"""Files for what apps open them with: the right ends, the manifest's word, and those themselves."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import edgeconv
from edgeconv.cli.main import app
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.export.front_ends import FRONT_ENDS, OPTIONS_FOR, ModelFile, hindrances
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.parity.stages import Interface

NET = """
from torch import nn

class Net(nn.Sequential):
    preprocessing = {"input_size": (40, 40), "resize": 44}
    labels = [f"class {i}" for i in range(12)]

def _net(cls, channels=3, *end):
    return cls(
        nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 12, 3), nn.ReLU(),
        *(end or (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 12))),
    )

def classes():
    return _net(Net)

def grey():
    net = _net(Net, 1)
    net.preprocessing = {**Net.preprocessing, "mean": [0.5], "std": [0.5]}
    return net

def maps():
    net = _net(Net, 3, nn.Conv2d(12, 12, 1))
    net.labels = None
    return net
"""
PYTHON = os.environ.get("EDGECONV_FRONT_ENDS", "")
#: What MediaPipe makes of the pixels of golden photos: [[[index, name, score], ...], ...].
CLASSIFIED = """
import json, sys
import mediapipe, numpy
from mediapipe.tasks.python import BaseOptions, vision
model, golden = sys.argv[1:]
options = vision.ImageClassifierOptions(
    base_options=BaseOptions(model_asset_path=model), max_results=5
)
with vision.ImageClassifier.create_from_options(options) as classifier:
    found = []
    for case in json.load(open(golden + "/golden.json"))["cases"]:
        told = case["pixels"]
        pixels = numpy.fromfile(golden + "/" + told["file"], numpy.uint8).reshape(told["shape"])
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        (heads,) = classifier.classify(image).classifications
        found.append([[c.index, c.category_name, c.score] for c in heads.categories])
print("FOUND" + json.dumps(found))
"""


def export(place: Path, factory: str, *words: str) -> tuple[int, str, Path]:
    (place / "net.py").write_text(NET)
    out = place / "bundle"
    command = ["export", f"{place / 'net.py'}:{factory}", "--weights", "random", "--out", str(out)]
    quick = ["--recipe", "fast", "--calib-samples", "8"]
    result = CliRunner().invoke(app, [*command, *quick, *words])
    return result.exit_code, f"{result.output}{result.exception or ''}", out


def files_of(bundle: Path) -> dict[str, dict[str, Any]]:
    document = json.loads((bundle / "manifest.json").read_text("utf-8"))
    files: dict[str, dict[str, Any]] = document["artifacts"]
    return files


@pytest.mark.parametrize("name", ["mediapipe", "litert-js", "onnxruntime-web"])
def test_a_front_end_gets_files_that_open_there(name: str, tmp_path: Path) -> None:
    code, said, out = export(tmp_path, "classes", "--for", name, "--int8")
    assert code == 0, said
    files = files_of(out)
    assert len(files) == 2, "one format, float and int8"
    for told in files.values():
        assert name in told["opens_in"]
        assert [spec["dtype"] for spec in told["inputs"]] == ["uint8"]
        assert name not in told["does_not_open_in"]


def test_the_default_files_say_where_they_do_not_open(tmp_path: Path) -> None:
    code, said, out = export(tmp_path, "classes", "--int8")
    assert code == 0, said
    told = files_of(out)["int8.tflite"]
    assert told["opens_in"] == []
    assert (
        "is int8, it takes float32 and uint8; take --io uint8"
        in (told["does_not_open_in"]["mediapipe"])
    )
    assert "int8" in told["does_not_open_in"]["litert-js"]
    assert "one mean and std" in files_of(out)["tflite"]["does_not_open_in"]["mediapipe"]
    assert files_of(out)["tflite"]["opens_in"] == ["litert-js"]


def test_what_the_user_says_goes_before_what_the_front_end_needs(tmp_path: Path) -> None:
    code, said, out = export(tmp_path, "classes", "--for", "litert-js", "--io", "float32", "--int8")
    assert code == 0, said
    assert files_of(out)["int8.tflite"]["inputs"][0]["dtype"] == "float32"


@pytest.mark.parametrize(
    ("factory", "words", "said"),
    [
        ("maps", ("--for", "mediapipe"), "--softmax is of classifiers"),
        ("grey", ("--for", "mediapipe"), "one photo of 3 channels at a time"),
        ("classes", ("--for", "mediapipe", "--batch", "2"), "one photo of 3 channels at a time"),
        ("classes", ("--for", "mediapipe", "--int8", "--io", "int8"), "one mean and std"),
        ("classes", ("--for", "mediapipe", "--format", "onnx"), "it takes TFLite files"),
        ("classes", ("--for", "litert-js", "--int8", "--io", "int8"), "take --io uint8"),
        ("classes", ("--for", "onnxruntime-web", "--format", "tflite"), "it takes ONNX files"),
    ],
)
def test_what_stands_in_the_way_is_named(
    factory: str, words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    code, told, out = export(tmp_path, factory, *words)
    assert code != 0
    assert said in " ".join(told.split())
    assert not out.exists()


def test_every_front_end_has_its_options() -> None:
    assert set(OPTIONS_FOR) == set(FRONT_ENDS)
    for name, given in OPTIONS_FOR.items():
        edgeconv.ExportOptions(**given, front_end=name)


def spec(dtype: str, *shape: int) -> TensorSpec:
    return TensorSpec("t", shape, np.dtype(dtype))


@pytest.mark.parametrize(
    ("taken", "given", "opens"),
    [
        (spec("uint8", 1, 8, 8, 3), [spec("float32", 1, 5)], True),
        (spec("uint8", 1, 8, 8, 3), [spec("int8", 1, 5)], False),
        (spec("float32", 1, 8, 8, 3), [spec("float32", 1, 5)], True),
        (spec("uint8", 1, 8, 8, 3), [spec("float32", 1, 1, 1, 5)], True),
        (spec("uint8", 1, 8, 8, 3), [spec("float32", 5)], True),
        (spec("uint8", 1, 8, 8, 3), [spec("float32", 1, 1)], True),
        (spec("uint8", 1, 8, 8, 3), [spec("float32")], False),
        (spec("uint8", 1, 8, 8, 3), [spec("bool", 1, 5)], False),
        (spec("uint8", 1, 8, 8, 3), [spec("float32", 1, 5), spec("float32", 1, 5)], False),
        (spec("uint8", 1, 8, 8, 3), [spec("float32", 1, 8, 8, 5)], False),
        (spec("uint8", 1, 8, 8, 4), [spec("float32", 1, 5)], False),
    ],
)
def test_mediapipe_takes_one_photo_and_gives_one_row(
    taken: TensorSpec, given: list[TensorSpec], opens: bool
) -> None:
    how = Preprocessing(input_size=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)
    file = ModelFile("tflite", Interface((taken,), tuple(given)), how)
    assert (hindrances(file)["mediapipe"] is None) == opens


@pytest.fixture(scope="module")
def mediapipe() -> str:
    command = [PYTHON, "-c", "import mediapipe"]
    if not PYTHON or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(
            "EDGECONV_FRONT_ENDS names no Python with benchmarks/environments/front_ends.txt"
        )
    return PYTHON


def classified(python: str, bundle: Path, name: str) -> subprocess.CompletedProcess[str]:
    words = [python, "-c", CLASSIFIED, bundle / f"model.{name}", bundle / "golden"]
    return subprocess.run(
        [*map(str, words)], capture_output=True, text=True, check=False, timeout=300
    )


def test_mediapipe_gives_the_files_own_classes(mediapipe: str, tmp_path: Path) -> None:
    code, said, out = export(tmp_path, "classes", "--for", "mediapipe", "--int8")
    assert code == 0, said
    cases = json.loads((out / "golden" / "golden.json").read_text("utf-8"))["cases"]
    for name in files_of(out):
        done = classified(mediapipe, out, name)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.partition("FOUND")[2])
        for case, classes in zip(cases, found, strict=True):
            expected = case["artifacts"][name]["top5"]
            scores = [score for _, _, score in classes]
            assert scores == pytest.approx([each["probability"] for each in expected], abs=1e-3)
            assert all(label == f"class {index}" for index, label, _ in classes)
            assert 0 < sum(scores) <= 1 + 1e-5


def test_mediapipe_refuses_what_the_manifest_says_it_refuses(
    mediapipe: str, tmp_path: Path
) -> None:
    code, said, out = export(tmp_path, "classes", "--int8", "--format", "tflite")
    assert code == 0, said
    for name, told in files_of(out).items():
        assert "mediapipe" in told["does_not_open_in"]
        done = classified(mediapipe, out, name)
        assert done.returncode != 0
