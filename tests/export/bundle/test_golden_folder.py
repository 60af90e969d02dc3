"""golden/: what a program that knows no edgeconv reads of it is what the files take and give."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

import edgeconv
from edgeconv.data.builtin import FOLDER
from edgeconv.export.bundle import golden_folder
from edgeconv.export.bundle.golden_folder import Case, Classes
from edgeconv.runtime.adapt import Images
from edgeconv.runtime.session import TensorSpec
from tests.helpers import input_nets
from tests.helpers.input_nets import folder_of

SIDE, SHORT = 48, 60
NET = f"""
from torch import nn

class Net(nn.Sequential):
    preprocessing = {{"input_size": ({SIDE}, {SIDE}), "resize": {SHORT}}}
    labels = [f"class {{i}}" for i in range(7)]

def build():
    return Net(nn.Conv2d(3, 7, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""


def export(place: Path, **options: Any) -> edgeconv.Bundle:
    (place / "net.py").write_text(NET)
    given = {"int8": True, "weights": "random", "recipe": "fast", "calib_samples": 8, **options}
    chosen = edgeconv.ExportOptions(**given)
    return edgeconv.export_bundle(f"{place}/net.py:build", chosen, out=place / "bundle")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> edgeconv.Bundle:
    return export(tmp_path_factory.mktemp("golden"))


def cases_of(bundle: edgeconv.Bundle) -> list[dict[str, Any]]:
    document = json.loads((bundle.directory / "golden/golden.json").read_text("utf-8"))
    assert document["format"] == 1
    cases: list[dict[str, Any]] = document["cases"]
    return cases


def read(bundle: edgeconv.Bundle, told: dict[str, Any]) -> np.ndarray:
    """A tensor as an app reads it."""
    data = (bundle.directory / "golden" / told["file"]).read_bytes()
    assert "sha256" not in told or sha256(data).hexdigest() == told["sha256"]
    return np.frombuffer(data, np.dtype(told["dtype"]).newbyteorder("<")).reshape(told["shape"])


def by_pillow(path: Path) -> np.ndarray:
    """The crop by the words of the manifest's recipe."""
    photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    width, height = photo.size
    short = min(width, height)
    size = (SHORT * width // short, SHORT * height // short)
    photo = photo.resize(size, Image.Resampling.BILINEAR)
    left, top = (round((side - SIDE) / 2) for side in size)
    return np.asarray(photo.crop((left, top, left + SIDE, top + SIDE)))


def run(path: Path, fed: list[np.ndarray]) -> list[np.ndarray]:
    """By the engine itself."""
    if path.suffix == ".onnx":
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]
        return list(session.run(None, dict(zip(names, fed, strict=True))))
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), fed, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]


def test_there_is_a_photo_of_every_kind(bundle: edgeconv.Bundle) -> None:
    photos = {case["photo"] for case in cases_of(bundle)}
    opened = [Image.open(bundle.directory / "golden" / name) for name in photos]
    assert {(photo.format, photo.mode) for photo in opened} == {
        ("PNG", "RGB"),
        ("PNG", "L"),
        ("JPEG", "RGB"),
    }
    assert {photo.getexif().get(0x0112, 1) for photo in opened} == {1, 6}
    for name in photos:
        photo = bundle.directory / "golden" / name
        assert photo.read_bytes() == (FOLDER / name).read_bytes(), "before decoding, byte for byte"


def test_pixels_are_those_of_the_recipe(bundle: edgeconv.Bundle) -> None:
    for case in cases_of(bundle):
        expected = by_pillow(bundle.directory / "golden" / case["photo"])
        np.testing.assert_array_equal(read(bundle, case["pixels"]), expected)


def test_every_file_gives_the_outputs_for_the_inputs(bundle: edgeconv.Bundle) -> None:
    first = cases_of(bundle)[0]
    assert set(first["artifacts"]) == set(bundle.artifacts)
    for name, told in first["artifacts"].items():
        fed = [read(bundle, each) for each in told["inputs"]]
        given = run(bundle.artifacts[name], fed)
        for each, array in zip(told["outputs"], given, strict=True):
            kept = read(bundle, each)
            assert kept.dtype == array.dtype
            if array.dtype == np.int8:
                assert np.abs(kept.astype(int) - array).max() <= 1
            else:
                np.testing.assert_allclose(kept, array, rtol=1e-4, atol=1e-5)


def test_inputs_are_the_pixels_by_the_manifests_formula(bundle: edgeconv.Bundle) -> None:
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    for case in cases_of(bundle):
        (told,) = case["artifacts"]["int8.tflite"]["inputs"]
        grid = bundle.manifest["artifacts"]["int8.tflite"]["inputs"][0]
        pixels = read(bundle, case["pixels"]).astype(np.float32) / np.float32(255)
        reals = (pixels - np.float32(mean)) / np.float32(std)
        steps = np.rint(reals / np.float32(grid["scale"])) + grid["zero_point"]
        fed = np.clip(steps, -128, 127).astype(np.int8)[None]
        assert list(fed.shape) == told["shape"]
        assert sha256(fed.tobytes()).hexdigest() == told["sha256"]


def test_the_top_five_are_the_softmax_of_what_a_file_gives(bundle: edgeconv.Bundle) -> None:
    for case in cases_of(bundle):
        for name, told in case["artifacts"].items():
            spec = bundle.manifest["artifacts"][name]["outputs"][0]
            reals = read(bundle, told["outputs"][0])[0].astype(np.float64)
            if spec["scale"] is not None:
                reals = (reals - spec["zero_point"]) * spec["scale"]
            odds = np.exp(reals - reals.max())
            shares = odds / odds.sum()
            best = [each["index"] for each in told["top5"]]
            assert len(set(best)) == 5
            np.testing.assert_allclose(shares[best], np.sort(shares)[::-1][:5])
            for each in told["top5"]:
                assert each["label"] == f"class {each['index']}"
                assert each["probability"] == pytest.approx(shares[each["index"]], abs=1e-6)


class Wide:
    """A session of a net whose outputs have 3 MB."""

    engine = "onnxruntime"
    inputs = (TensorSpec("input", (1, 3, SIDE, SIDE), np.dtype(np.float32)),)
    outputs = (TensorSpec("map", (1, 3, 500, 500), np.dtype(np.float32)),)

    def run(self, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.full((1, 3, 500, 500), feeds[0].max())]


def test_it_stays_small_and_says_what_was_left_out(tmp_path: Path) -> None:
    pixels = [np.full((1, SIDE, SIDE, 3), number, np.uint8) for number in range(3)]
    cases = [
        Case(f"case_{number}", Images(each.transpose(0, 3, 1, 2).astype(np.float32), each))
        for number, each in enumerate(pixels)
    ]
    golden_folder.write(tmp_path, cases, [("onnx", Wide())], Classes(None))
    held = list((tmp_path / "golden").glob("*.bin"))
    assert sum(path.stat().st_size for path in held) <= 4 * 2**20
    told = json.loads((tmp_path / "golden/golden.json").read_text("utf-8"))["cases"]
    outputs = [case["artifacts"]["onnx"]["outputs"][0]["file"] for case in told]
    assert outputs == ["case_0.onnx.output.bin", None, None]
    assert all(case["pixels"]["file"] for case in told), "what is small still fits"
    assert all(case["artifacts"]["onnx"]["top5"] is None for case in told)
    inputs = [case["artifacts"]["onnx"]["inputs"][0] for case in told]
    assert [each["file"] for each in inputs] == ["case_0.input.bin", None, None]
    for each, given in zip(inputs, cases, strict=True):
        assert each["sha256"] == sha256(given.sample.normalized.tobytes()).hexdigest()


def test_rows_of_a_batch_are_the_same_sample(tmp_path: Path) -> None:
    made = export(tmp_path, batch=3)
    case = cases_of(made)[0]
    (fed,) = case["artifacts"]["onnx"]["inputs"]
    rows = read(made, fed)
    assert rows.shape == (3, 3, SIDE, SIDE)
    assert (rows == rows[:1]).all()
    assert len(case["artifacts"]["onnx"]["top5"]) == 5


def test_photos_of_the_user_come_in_where_they_are_let_in(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 3
    for number in range(64):
        side = 700 if number == 0 else 80  # noise of that size has more than a MiB
        pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(photos / f"{number:02}.PNG", exif=exif)
    made = export(tmp_path, calib=photos, golden_from_calib=True)
    cases = cases_of(made)
    assert [case["name"] for case in cases] == ["photo_1", "photo_2", "photo_3", "photo_4"]
    assert {case["photo"] for case in cases} <= {None, *(f"photo_{n}.png" for n in range(1, 5))}
    given = {path.read_bytes() for path in photos.iterdir()}
    for case in cases:
        if case["photo"] is not None:
            kept = made.directory / "golden" / case["photo"]
            assert kept.read_bytes() in given
            np.testing.assert_array_equal(read(made, case["pixels"]), by_pillow(kept))


def test_a_net_that_takes_tensors_has_them_in_place_of_photos(tmp_path: Path) -> None:
    net = input_nets.ImageAndScalars
    folder = folder_of(tmp_path / "samples", net.input_shapes)
    chosen = edgeconv.ExportOptions(recipe="fast", calib=folder, int8=True)
    target = f"{input_nets.__file__}:{net.__name__}"
    made = edgeconv.export_bundle(target, chosen, out=tmp_path / "bundle")
    first = cases_of(made)[0]
    assert first["photo"] is None
    assert first["pixels"] is None
    for name, told in first["artifacts"].items():
        given = run(made.artifacts[name], [read(made, each) for each in told["inputs"]])
        assert [list(array.shape) for array in given] == [t["shape"] for t in told["outputs"]]
