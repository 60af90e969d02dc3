"""Ends that apps take: raw pixels in, probabilities out, in every file and through every verb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

import edgeconv
from edgeconv.cli.main import app
from edgeconv.data.preprocessing import Preprocessing, normalize_batch
from edgeconv.errors import UsageError
from edgeconv.export import pixels, probabilities
from edgeconv.export.capture.hub import capture
from edgeconv.export.pixels import with_pixel_input
from edgeconv.nets.load import load_net

SIDE = 40
NET = """
from torch import nn

class Net(nn.Sequential):
    preprocessing = {"input_size": (40, 40), "resize": 44}
    labels = [f"class {i}" for i in range(12)]

def _net(padding, *end):
    return Net(
        nn.Conv2d(3, 8, 3, padding=padding), nn.ReLU(), nn.Conv2d(8, 12, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 12), *end,
    )

def inside():
    return _net(0)

def padded():
    return _net(1)

def probable():
    return _net(0, nn.Softmax(1))

def mapped():
    net = nn.Conv2d(3, 4, 3)
    net.preprocessing = Net.preprocessing
    return net
"""
EVERY = ("int8", "float16")


def target(place: Path, factory: str) -> tuple[str, Path]:
    """A net with weights that make its classes differ."""
    (place / "net.py").write_text(NET)
    named = f"{place / 'net.py'}:{factory}"
    module = load_net(named, weights="random", seed=3).module
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(2)
    save_file(module.state_dict(), place / f"{factory}.safetensors")
    return named, place / f"{factory}.safetensors"


def export(place: Path, factory: str, **options: Any) -> edgeconv.Bundle:
    named, weights = target(place, factory)
    given = {"weights": str(weights), "recipe": "fast", "calib_samples": 8, **options}
    chosen = edgeconv.ExportOptions(**given)
    return edgeconv.export_bundle(named, chosen, out=place / f"{factory}-bundle", force=True)


@pytest.fixture(scope="module", params=["inside", "padded"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp(request.param)
    return export(place, request.param, precisions=EVERY, io="uint8", softmax=True)


def engine(path: Path, photo: np.ndarray) -> np.ndarray:
    """What an engine makes of the pixels of a photo, (H, W, 3), in the file's own types."""
    if path.suffix == ".onnx":
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (taken,) = session.get_inputs()
        return session.run(None, {taken.name: photo.transpose(2, 0, 1)[None]})[0]
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], photo[None])
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def by_torch(bundle: edgeconv.Bundle, photos: np.ndarray) -> np.ndarray:
    factory = bundle.directory.name.removesuffix("-bundle")
    place = bundle.directory.parent
    weights = str(place / f"{factory}.safetensors")
    module = load_net(f"{place / 'net.py'}:{factory}", weights=weights).module
    reals = normalize_batch(list(photos), bundle.preprocessing)
    with torch.no_grad():
        return torch.softmax(module.double()(torch.from_numpy(reals).double()), dim=1).numpy()


def test_every_file_takes_pixels_and_gives_probabilities(bundle: edgeconv.Bundle) -> None:
    assert bundle.parity_passed, bundle.manifest["parity"]["failed"]
    assert bundle.parity().passed
    assert len(bundle.artifacts) == 6
    photos = bundle.golden.samples.pixels[:3]
    for (name, path), photo in ((item, p) for item in bundle.artifacts.items() for p in photos):
        expected = by_torch(bundle, photo[None])
        assert expected.max() > 0.15, "classes that are all alike show nothing"
        given = engine(path, photo)
        assert given.dtype == np.float32, name
        assert given.sum() == pytest.approx(1, abs=1e-5)
        off = 1e-5 if "." not in name else 0.02 if "float16" in name else 0.15
        np.testing.assert_allclose(given, expected, atol=off, err_msg=name)


def test_the_manifest_says_so(bundle: edgeconv.Bundle) -> None:
    assert bundle.manifest["graph"]["probabilities"] is True
    bounds = edgeconv.ExportOptions().thresholds.of_probabilities()
    assert bundle.manifest["parity"]["thresholds"]["float16_error"] == bounds.float16_error
    assert list(bundle.manifest["graph"]["outputs"]) == ["probabilities"]
    for told in bundle.manifest["artifacts"].values():
        assert told["inputs"][0]["dtype"] == "uint8"
        assert told["recipe"][-1].endswith("Feed the pixels as they are (0 to 255).")


def test_predictions_are_the_files_own(bundle: edgeconv.Bundle) -> None:
    (photo,) = bundle.golden.samples.pixels[:1]
    for name in bundle.artifacts:
        found = bundle.open(name).predict([photo])[0]
        direct = engine(bundle.artifacts[name], bundle_crop(bundle, photo))[0]
        np.testing.assert_allclose(found.probabilities, direct, atol=1e-6)
        assert found.top(1)[0].probability == pytest.approx(direct.max(), abs=1e-6)


def bundle_crop(bundle: edgeconv.Bundle, photo: np.ndarray) -> np.ndarray:
    """What `predict` cuts out of pixels that were cut already."""
    from PIL import Image

    from edgeconv.data.preprocessing import crop_pixels

    return crop_pixels(Image.fromarray(photo), bundle.preprocessing)


def test_every_verb_takes_it(bundle: edgeconv.Bundle, tmp_path: Path) -> None:
    place, factory = bundle.directory.parent, bundle.directory.name.removesuffix("-bundle")
    photos = tmp_path / "photos"
    (photos / "3").mkdir(parents=True)
    photo = bundle.directory / "golden" / "chelsea.png"
    (photos / "3" / "chelsea.png").write_bytes(photo.read_bytes())
    net = ("--net", f"{place / 'net.py'}:{factory}", "--weights", place / f"{factory}.safetensors")
    seen = ("--out", tmp_path / "seen.png")
    commands: list[tuple[object, ...]] = [
        ("parity", bundle.directory),
        ("diagnose", bundle.directory, "--photos", 1),
        ("eval", bundle.directory, "--data", photos),
        ("explain", photo, "--bundle", bundle.directory, *net, *seen),
        ("audit", bundle.directory / "model.onnx"),
        ("audit", bundle.directory / "model.tflite"),
        ("inspect", bundle.directory / "model.onnx"),
        ("bench", bundle.directory, "--runs", 1, "--processes", 1),
    ]
    for words in commands:
        result = CliRunner().invoke(app, [*map(str, words)])
        assert result.exit_code == 0, (words[0], result.output)


def test_normalization_folded_past_a_padding_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zeros of the border would stand for black in place of the mean."""
    monkeypatch.setattr(pixels, "_folds", lambda *_: True)
    made = export(tmp_path, "padded", io="uint8")
    assert {"onnx", "tflite"} <= set(made.manifest["parity"]["failed"])


@pytest.mark.parametrize("wrong", ["swapped", "no mean"])
def test_wrong_normalization_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    fold = pixels._fold

    def damaged(model: ir.Model, layer: Any, factor: np.ndarray, offset: np.ndarray) -> None:
        fold(model, layer, factor, 0 * offset if wrong == "no mean" else offset[::-1])

    monkeypatch.setattr(pixels, "_fold", damaged)
    made = export(tmp_path, "inside", io="uint8")
    assert {"onnx", "tflite"} <= set(made.manifest["parity"]["failed"])


def test_files_without_the_softmax_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def renamed(model: ir.Model) -> ir.Model:
        copy = right(model)
        writer = copy.graph.outputs[0].producer()
        assert writer is not None
        writer.op_type = "Sigmoid"
        writer.attributes.clear()
        return copy

    right = probabilities.with_softmax
    monkeypatch.setattr("edgeconv.export.pipeline.with_softmax", renamed)
    made = export(tmp_path, "inside", softmax=True, int8=True)
    failed = set(made.manifest["parity"]["failed"])
    assert {"onnx", "tflite", "int8.onnx", "int8.tflite"} <= failed


FIRST = {
    "plain": (nn.Conv2d(3, 6, 3), True),
    "without a bias": (nn.Conv2d(3, 6, 3, stride=2, bias=False), True),
    "depthwise": (nn.Conv2d(3, 6, 3, groups=3), True),
    "patches": (nn.Conv2d(3, 6, 4, stride=4), True),
    "padded": (nn.Conv2d(3, 6, 3, padding=1), False),
    "padded on one side": (nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 6, 3)), False),
    "none": (nn.ReLU(), False),
}


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("std", [(0.229, 0.224, 0.225), (0.1, 0.5, 1.0)])
def test_a_graph_on_pixels_computes_the_same(first: str, std: tuple[float, ...]) -> None:
    module, is_exact = FIRST[first]
    torch.manual_seed(0)
    pre = Preprocessing(input_size=(12, 16), mean=(0.485, 0.456, 0.406), std=std)
    model = capture(module.eval(), [torch.zeros(2, 3, 12, 16)], name="net")
    raw = np.random.default_rng(0).integers(0, 256, (2, 12, 16, 3), np.uint8)
    with torch.no_grad():
        reals = (torch.from_numpy(raw).double() / 255 - torch.tensor(pre.mean)) / torch.tensor(std)
        expected = module.double()(reals.permute(0, 3, 1, 2)).numpy()
        module.float()
    taken = with_pixel_input(model, pre)
    proto = ir.to_proto(taken).SerializeToString()
    session = onnxruntime.InferenceSession(proto, providers=["CPUExecutionProvider"])
    given = session.run(None, {"pixels": raw.transpose(0, 3, 1, 2).astype(np.float32)})[0]
    np.testing.assert_allclose(given, expected, atol=1e-5 * np.abs(expected).max())
    has_own = any(node.name == pixels.NORMALIZE for node in taken.graph)
    assert has_own != (is_exact and max(std) <= 2 * min(std))


def test_zeros_of_a_padding_are_black_where_the_mean_is(tmp_path: Path) -> None:
    pre = Preprocessing(input_size=(12, 16), mean=(0.0,) * 3, std=(1.0,) * 3)
    module = nn.Conv2d(3, 6, 3, padding=1).eval()
    taken = with_pixel_input(capture(module, [torch.zeros(1, 3, 12, 16)], name="net"), pre)
    assert [node.name for node in taken.graph if node.name == pixels.NORMALIZE] == []
    raw = np.random.default_rng(0).integers(0, 256, (1, 3, 12, 16)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(raw) / 255).numpy()
    proto = ir.to_proto(taken).SerializeToString()
    session = onnxruntime.InferenceSession(proto, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"pixels": raw})[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("factory", "said"),
    [("mapped", "is of classifiers"), ("probable", "ends in a softmax already")],
)
def test_a_net_without_logits_is_refused(tmp_path: Path, factory: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        export(tmp_path, factory, softmax=True)
    assert not (tmp_path / f"{factory}-bundle").exists()


def test_a_net_that_ends_in_a_softmax_gives_its_own(tmp_path: Path) -> None:
    """Once: not the softmax of probabilities."""
    made = export(tmp_path, "probable")
    assert made.gives_probabilities
    (photo,) = made.golden.samples.pixels[:1]
    found = made.open("onnx").predict([photo])[0]
    np.testing.assert_array_equal(found.probabilities, found.logits.astype(np.float64))


def test_features_have_no_softmax() -> None:
    with pytest.raises(UsageError, match="leave one out"):
        edgeconv.ExportOptions(softmax=True, features="0")


def test_float16_may_be_off_by_what_a_softmax_makes_of_its_bound() -> None:
    """MobileNet v1's logits are within 2 % in float16, its probabilities off by 3.4 %."""
    bounds = edgeconv.ExportOptions().thresholds
    largest = 10.0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        logits = rng.uniform(0, 3, (1, 1000))
        logits[0, 7] = largest
        off = rng.choice([-1, 1], logits.shape) * bounds.float16_error * largest
        exact, moved = (probabilities.softmax(each) for each in (logits, logits + off))
        error = np.abs(exact - moved).max() / exact.max()
        assert error <= bounds.of_probabilities().float16_error


def test_every_precision_gives_probabilities(tmp_path: Path) -> None:
    every = ("int8", "float16", "weight-only-int8", "dynamic-int8", "int16x8")
    made = export(tmp_path, "inside", precisions=every, softmax=True)
    assert made.parity_passed, made.manifest["parity"]["failed"]
    for told in made.manifest["artifacts"].values():
        (given,) = told["outputs"]
        assert (given["dtype"], given["name"]) == ("float32", "probabilities")
