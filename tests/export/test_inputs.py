"""Nets of any number, rank and channels of inputs, through export and back out of their files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

import edgeconv
from edgeconv.bundle.bundle import Bundle
from edgeconv.data.stated import Stated
from edgeconv.errors import BundleRefused, NetRefused, RefusedError, UsageError
from edgeconv.export.options import ExportOptions
from edgeconv.runtime.adapt import Tensors
from tests.helpers import input_nets
from tests.helpers.input_nets import NETS, folder_of, samples


def exported(place: Path, net: type[torch.nn.Module], **options: object) -> Bundle:
    given = {"calib": folder_of(place / "samples", net.input_shapes), **options}
    chosen = ExportOptions(recipe="fast", **given)  # type: ignore[arg-type]
    return edgeconv.export_bundle(
        f"{input_nets.__file__}:{net.__name__}", chosen, out=place / "out"
    )


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp("inputs")
    return cache(lambda net: exported(place / net.__name__, net, int8=True))


def reference(net: type[torch.nn.Module]) -> np.ndarray:
    """PyTorch's outputs for the samples, fed by the names of forward's arguments."""
    module = net().eval()
    with torch.no_grad():
        rows = [
            module(**{name: torch.from_numpy(array)[None] for name, array in sample.items()})
            for sample in samples(net.input_shapes)
        ]
    return torch.cat(rows).numpy()


def in_tflite(path: Path, net: type[torch.nn.Module]) -> np.ndarray:
    """A TFLite file's outputs, images turned to (N, H, W, C) and all else fed as it is."""
    run = Interpreter(str(path)).get_signature_runner()
    found = []
    for sample in samples(net.input_shapes):
        fed = {
            name: (array.transpose(1, 2, 0) if array.ndim == 3 else array)[None].copy()
            for name, array in sample.items()
        }
        found.append(next(iter(run(**fed).values())))
    return np.concatenate(found)


@pytest.mark.parametrize("net", NETS)
def test_all_files_agree_with_the_net(bundles, net: type[torch.nn.Module]) -> None:
    bundle = bundles(net)
    assert bundle.parity_passed, bundle.manifest["parity"]["failed"]
    assert set(bundle.artifacts) == {"onnx", "tflite", "int8.onnx", "int8.tflite"}
    assert bundle.parity().passed
    assert bundle.manifest["preprocessing"] is None
    shapes = {name: [1, *shape] for name, shape in net.input_shapes.items()}
    assert bundle.manifest["graph"]["inputs"] == shapes


@pytest.mark.parametrize("net", NETS)
def test_an_app_feeds_the_float_files_by_name(bundles, net: type[torch.nn.Module]) -> None:
    bundle, expected = bundles(net), reference(net)
    session = onnxruntime.InferenceSession(bundle.artifacts["onnx"])
    rows = [
        session.run(None, {name: array[None] for name, array in sample.items()})[0]
        for sample in samples(net.input_shapes)
    ]
    np.testing.assert_allclose(np.concatenate(rows), expected, atol=1e-5)
    np.testing.assert_allclose(in_tflite(bundle.artifacts["tflite"], net), expected, atol=1e-5)


@pytest.mark.parametrize("net", NETS)
def test_the_int8_files_answer_as_the_net_does(bundles, net: type[torch.nn.Module]) -> None:
    bundle, expected = bundles(net), reference(net)
    for name in ("int8.onnx", "int8.tflite"):
        predictions = bundle.open(name).predict_tensors(samples(net.input_shapes))
        logits = np.stack([prediction.logits for prediction in predictions])
        noise = np.square(logits - expected).sum() / np.square(expected).sum()
        assert noise < 1e-2, (name, noise)


def test_the_manifest_says_how_tensors_are_fed(bundles) -> None:
    (mel,) = bundles(input_nets.Features).manifest["artifacts"]["tflite"]["recipe"]
    assert (
        mel
        == "mel: [1, 40, 98], the axes in the net's own order; the values as the net takes them."
    )
    told = bundles(input_nets.ImageAndScalars).manifest["artifacts"]
    image, scalars = told["tflite"]["recipe"]
    assert "(N, C, H, W) becomes (N, H, W, C)" in image
    assert "own order" in scalars
    assert "own order" in told["onnx"]["recipe"][0]
    scale = told["int8.tflite"]["inputs"][1]["scale"]
    assert f"round(value / {scale:.9g})" in told["int8.tflite"]["recipe"][1]


def test_golden_vectors_are_samples_of_the_user(bundles) -> None:
    golden = bundles(input_nets.TwoImages).golden
    assert isinstance(golden.samples, Tensors)
    held = {array.tobytes() for array in golden.samples.arrays["a"]}
    assert held < {sample["a"].tobytes() for sample in samples(input_nets.TwoImages.input_shapes)}
    assert golden.app_inputs["b"].dtype == np.int8


def test_what_needs_photos_says_so(bundles, tmp_path: Path) -> None:
    Image.new("L", (40, 32)).save(tmp_path / "grey.png")
    bundle = bundles(input_nets.Keywords)
    with pytest.raises(UsageError, match=r"nothing says how a photo .* --mean, --std and --res"):
        bundle.open("onnx").predict([tmp_path / "grey.png"])
    with pytest.raises(UsageError, match="nothing says how a photo"):
        _ = bundle.preprocessing
    with pytest.raises(
        UsageError, match=r"x is of shape \(4, 32, 40\); the net takes \(1, 32, 40\)"
    ):
        bundle.open("onnx").predict_tensors([np.zeros((4, 32, 40), np.float32)])


@pytest.mark.parametrize("given", [np.zeros((3, 32, 32), np.float32), {"a": np.zeros(3)}])
def test_every_input_is_given_by_its_name(bundles, given: object) -> None:
    with pytest.raises(UsageError, match=r"takes a \(3, 32, 32\), b .* give an array for each"):
        bundles(input_nets.TwoImages).open("onnx").predict_tensors([given])


def test_a_bundle_whose_vectors_are_of_another_input_is_refused(bundles, tmp_path: Path) -> None:
    bundle = bundles(input_nets.TwoImages)
    other = Bundle(bundle.directory, {**bundle.manifest, "graph": {**bundle.manifest["graph"]}})
    other.manifest["graph"]["inputs"] = {"a": [1, 3, 32, 32], "b": [1, 3, 16, 17]}
    with pytest.raises(BundleRefused, match="of another net"):
        _ = other.golden


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (4, "RGBA")])
def test_grey_and_four_channel_photos_where_preprocessing_is_known(
    tmp_path: Path, channels: int, mode: str
) -> None:
    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for index in range(9):
        pixels = random.integers(0, 256, (32, 40, channels), np.uint8)
        image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
        image.save(tmp_path / "photos" / f"{index}.png")
    net = input_nets.Keywords if channels == 1 else input_nets.Depth
    stated = Stated(mean=(0.5,), std=(0.25,), resize=32)
    options = {"stated": stated, "calib": tmp_path / "photos", "golden_from_calib": True}
    bundle = exported(tmp_path, net, int8=True, io="uint8", **options)
    assert bundle.parity_passed
    assert bundle.preprocessing.mean == (0.5,) * channels
    module, vectors = net().eval(), bundle.golden
    (photo,) = (p for p in (tmp_path / "photos").iterdir() if p.stem == "7")
    with Image.open(photo) as image:
        assert image.mode == mode
        pixels = np.asarray(image).reshape(32, 40, channels)
    real = (pixels.astype(np.float32) / 255 - 0.5) / 0.25
    with torch.no_grad():
        expected = module(torch.from_numpy(real.transpose(2, 0, 1))[None]).numpy()
    (found,) = bundle.open("onnx").predict([photo])
    np.testing.assert_allclose(found.logits, expected[0], atol=1e-5)
    assert vectors.samples.pixels.shape[1:] == (32, 40, channels)


def test_a_net_that_says_nothing_takes_photos_unless_tensors_are_given(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, 2), torch.nn.Flatten())
    folder = folder_of(tmp_path / "x", {"input": (3, 32, 32)})
    options = ExportOptions(input_size=(32, 32), calib=folder)
    bundle = edgeconv.export_bundle(net, options, out=tmp_path / "tensors")
    assert bundle.parity_passed
    assert bundle.manifest["preprocessing"] is None


SHAPES = [
    ({"a": (3, 32, 32)}, "forward takes a, b; give a shape for each"),
    ({"a": (3, 32, 32), "c": (3, 16, 16)}, "input_shapes names a, c, and forward takes a, b"),
    ({"a": (3, 32, 32), "b": (3, 0, 16)}, r"gives b the shape \(3, 0, 16\)"),
    ({"a": (3, 32, 32), "b": "3x16x16"}, "gives b the shape '3x16x16'"),
    ({"a": (3, 32, 32), "b": (2**20, 2**20)}, "it is the sizes of one sample"),
    ({"a": (3, 32, 32), "label": (3, 16, 16)}, "none is called label"),
    ([(3, 32, 32)], "it maps each input to the shape"),
]


@pytest.mark.parametrize(("shapes", "said"), SHAPES)
def test_shapes_that_are_none_of_the_nets_are_refused(
    tmp_path: Path, shapes: object, said: str
) -> None:
    net = input_nets.TwoImages()
    net.input_shapes = shapes  # type: ignore[misc, assignment]
    options = ExportOptions(calib=folder_of(tmp_path / "x", {"a": (3,)}))
    with pytest.raises(UsageError, match=said):
        edgeconv.export_bundle(net, options, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_input_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    class Deaf(input_nets.TwoImages):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return self.one(a) + 0 * b.shape[0]

    options = ExportOptions(calib=folder_of(tmp_path / "x", Deaf.input_shapes))
    with pytest.raises(NetRefused, match="does not depend on its input b"):
        edgeconv.export_bundle(Deaf(), options, out=tmp_path / "out")


def test_a_sample_that_does_not_fit_is_named_before_the_work(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "x", {"a": (3, 32, 32), "b": (3, 16, 16)})
    np.savez(folder / "15", a=np.zeros((3, 32, 32), np.float32), c=np.zeros(3, np.float32))
    with pytest.raises(RefusedError, match=r"15\.npz: it holds 'a, c', and the net takes a \("):
        exported(tmp_path, input_nets.TwoImages, calib=folder)


def traced(net: torch.nn.Module, shapes: input_nets.Shapes, path: Path) -> Path:
    """An ONNX file of open batch, as PyTorch's exporter writes it."""
    example = tuple(torch.zeros(1, *shape) for shape in shapes.values())
    axes = {name: {0: "n"} for name in shapes}
    names = list(shapes)
    options = {"input_names": names, "dynamic_axes": axes, "dynamo": False, "opset_version": 17}
    torch.onnx.export(net.eval(), example, path, **options)  # type: ignore[arg-type]
    return path


def test_an_onnx_file_of_several_inputs_gives_the_same_files_as_its_module(
    bundles, tmp_path: Path
) -> None:
    shapes = {name: input_nets.TwoImages.input_shapes[name] for name in ("a", "b")}
    path = traced(input_nets.TwoImages(), shapes, tmp_path / "TwoImages.onnx")
    folder = folder_of(tmp_path / "x", input_nets.TwoImages.input_shapes)
    options = ExportOptions(int8=True, recipe="fast", calib=folder)
    as_onnx = edgeconv.export_bundle(str(path), options, out=tmp_path / "out")
    as_module = bundles(input_nets.TwoImages)
    assert as_onnx.parity_passed
    for name, file in as_onnx.artifacts.items():
        assert file.read_bytes() == as_module.artifacts[name].read_bytes(), name


def test_a_grey_image_with_its_channel_last_becomes_channels_first(tmp_path: Path) -> None:
    class ChannelsLast(input_nets.Keywords):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x.permute(0, 3, 1, 2))

    path = traced(ChannelsLast(), {"x": (32, 40, 1)}, tmp_path / "keras.onnx")
    folder = folder_of(tmp_path / "x", {"x": (1, 32, 40)})
    bundle = edgeconv.export_bundle(str(path), ExportOptions(calib=folder), out=tmp_path / "out")
    assert bundle.parity_passed
    assert bundle.manifest["graph"]["inputs"] == {"x": [1, 1, 32, 40]}
    net = input_nets.Keywords
    found = in_tflite(bundle.artifacts["tflite"], net)
    np.testing.assert_allclose(found, reference(net), atol=1e-5)
