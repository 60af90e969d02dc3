"""edgeconv predict: the classes are those that the engine alone gives, outputs too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageOps

from edgeconv.data.builtin import FOLDER
from tests.cli.conftest import Run
from tests.cli.task_nets import bundle_of
from tests.embed.conftest import LABELS, SIZE
from tests.embed.conftest import bundle as bundle  # the fixture
from tests.embed.conftest import of_pixels as of_pixels  # the fixture

TURNED = FOLDER / "chelsea_turned.jpg"
ROCKET = next(FOLDER.glob("rocket.*"))


def _probabilities(bundle: Path, photo: Path) -> np.ndarray:
    """By Pillow, NumPy and onnxruntime, as the net in tests/embed/conftest.py is stated."""
    image = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    height, width = SIZE
    scale = 52 / min(image.size)
    size = tuple(int(side * scale) for side in image.size)
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, upper = round((size[0] - width) / 2), round((size[1] - height) / 2)
    pixels = np.asarray(image.crop((left, upper, left + width, upper + height)), np.float32) / 255
    x = (pixels - np.float32((0.4, 0.5, 0.6))) / np.float32((0.2, 0.3, 0.4))
    session = onnxruntime.InferenceSession(bundle / "model.onnx")
    (logits,) = session.run(None, {"x": x.transpose(2, 0, 1)[None]})
    powers = np.exp(logits[0] - logits.max())
    return powers / powers.sum()


def test_the_classes_are_those_of_the_engine_alone(run: Run, bundle: Path) -> None:
    done = run("predict", bundle, TURNED, ROCKET, "--file", "onnx", "--top", 3, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["file"], told["engine"]) == ("onnx", "onnxruntime")
    for photo, found in zip((TURNED, ROCKET), told["predictions"], strict=True):
        expected = _probabilities(bundle, photo)
        best = np.argsort(-expected)[:3]
        assert found["sample"] == str(photo)
        assert [each["index"] for each in found["top"]] == best.tolist()
        assert [each["label"] for each in found["top"]] == [LABELS[i] for i in best]
        assert [each["probability"] for each in found["top"]] == pytest.approx(
            expected[best].tolist(), abs=1e-5
        )


def test_files_that_take_pixels_and_give_probabilities_tell_the_same(
    run: Run, bundle: Path, of_pixels: Path
) -> None:
    expected = _probabilities(bundle, TURNED)
    done = run("predict", of_pixels, TURNED, "--file", "tflite", "--top", 12, "--json")
    (found,) = json.loads(done.out)["predictions"]
    probabilities = {each["index"]: each["probability"] for each in found["top"]}
    assert [probabilities[i] for i in range(12)] == pytest.approx(expected.tolist(), abs=1e-4)


def test_in_words_it_names_the_file_and_cleans_the_labels(run: Run, bundle: Path) -> None:
    done = run("predict", bundle, TURNED)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["photo", "class", "label", "probability"]
    assert len(lines) == 2 + 5 + 1
    assert lines[-1] == "by int8.tflite"


def test_of_no_row_of_classes_each_output_is_told(run: Run, tmp_path: Path) -> None:
    boxes = bundle_of("Boxes", tmp_path)
    done = run("predict", boxes, TURNED, "--file", "onnx", "--json")
    assert done.code == 0, done.err
    (found,) = json.loads(done.out)["predictions"]
    assert found["top"] == []
    told = {each["name"]: each for each in found["outputs"]}
    assert told["boxes"]["shape"] == [16, 4]
    assert told["scores"]["shape"] == [16, 3]
    assert 0 <= told["boxes"]["least"] < told["boxes"]["mean"] < told["boxes"]["largest"] <= 64
    assert "boxes" in run("predict", boxes, TURNED).out


def test_a_row_of_places_is_no_row_of_classes(run: Run, tmp_path: Path) -> None:
    done = run("predict", bundle_of("Best", tmp_path), TURNED, "--file", "onnx", "--json")
    assert done.code == 0, done.err
    (found,) = json.loads(done.out)["predictions"]
    assert found["top"] == []
    (told,) = found["outputs"]
    assert told["shape"] == [256]
    assert 0 <= told["least"] <= told["largest"] <= 4


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere.jpg",), 2, "nowhere.jpg does not exist"),
        ((".",), 2, ". is no file"),
        (("text.jpg",), 4, "text.jpg is no image"),
        (("sample.npy",), 2, "it is known how a photo becomes"),
        ((TURNED, "--file", "int9.tflite"), 2, "int9.tflite is no artifact of this bundle"),
        ((TURNED, "--top", 0), 2, "--top"),
    ],
)
def test_wrong_words_are_said(
    run: Run, bundle: Path, tmp_path: Path, words: tuple[object, ...], code: int, said: str
) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    np.save(tmp_path / "sample.npy", np.zeros((3, *SIZE), np.float32))
    done = run("predict", bundle, *words)
    assert done.code == code
    assert said in done.err
    assert done.out == ""
