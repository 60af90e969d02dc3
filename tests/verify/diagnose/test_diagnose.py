"""A bundle with one thing broken is traced to the tensor where it was broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import edgeconv
from edgeconv.bundle import artifacts, golden, manifest, quantization
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import UsageError
from edgeconv.export.pixels import with_pixel_input
from edgeconv.files.onnx.load import load
from edgeconv.quantize.observe.session import open_graph
from edgeconv.report import jsondoc
from edgeconv.runtime.adapt import Images
from edgeconv.verify.diagnose import Diagnosis, diagnose
from tests.helpers.repaired_bundle import BLOCK
from tests.helpers.tampering import change_onnx, change_tflite_data, change_tflite_scale

NET = (
    BLOCK
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
        )
        self.body = nn.Sequential(Block(8), Block(8))
        self.squeeze = nn.Conv2d(8, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(14, 10)

    def forward(self, x):
        x = self.pool(self.body(self.stem(x)))
        x = torch.cat([x, torch.relu(self.squeeze(x))], 1)
        return self.head(x.mean((2, 3)))


def net():
    return Net()
"""
)


def exported(place: Path, io: str = "int8") -> Path:
    source = place / "net.py"
    source.write_text(NET, encoding="utf-8")
    options = edgeconv.ExportOptions(
        weights="random", input_size=(32, 32), int8=True, calib_samples=16, io=io
    )
    return edgeconv.export_bundle(f"{source}:net", options, out=place / "bundle").directory


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("diagnosed"))


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "bundle"))


def walk(directory: Path, *, recorded: bool = True, photos: int = 2) -> Diagnosis:
    document, vectors = manifest.read(directory), golden.load(directory)
    preprocessing = Preprocessing.from_json(document["preprocessing"])
    return diagnose(
        artifacts.present(directory),
        vectors.samples,
        vectors.reference,
        recorded=quantization.read(directory)["tensors"] if recorded else {},
        with_pixels=lambda model: with_pixel_input(model, preprocessing),
        photos=photos,
    )


def test_a_sound_bundle_has_nothing_broken(bundle: Path) -> None:
    found = walk(bundle)
    assert found.findings == ()
    assert found.passed
    assert found.truth == "onnx"
    names = [tensor.name for tensor in found.tensors]
    assert names[0] == "input"
    assert names[-1] == "logits"
    assert "body.1.conv.5" in names
    for tensor in found.tensors[1:]:
        assert set(tensor.own) == {"int8.tflite", "int8.onnx"}, tensor.name
        assert tensor.own["int8.tflite"].sqnr_db > 15
        assert tensor.total_db.get("tflite", 100) > 90
        assert tensor.distribution is not None
        assert len(tensor.repairs) >= 3
    assert found.weakest is not None
    jsondoc.dumps(found)


def test_own_error_does_not_grow_with_depth_where_inherited_error_does(bundle: Path) -> None:
    found = {tensor.name: tensor for tensor in walk(bundle).tensors}
    first, last = found["stem.2"], found["body.1/add"]
    assert last.total_db["int8.tflite"] < first.total_db["int8.tflite"] - 3
    assert last.own["int8.tflite"].sqnr_db > last.total_db["int8.tflite"] + 3


def test_raw_pixels_are_walked_too(tmp_path: Path) -> None:
    found = walk(exported(tmp_path, "uint8"))
    assert found.findings == ()
    assert [tensor.name for tensor in found.tensors][:2] == ["pixels", "input"]


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("factor", [0.5, 1.1, 4.0])
def test_one_wrong_activation_scale(copy: Path, factor: float, recorded: bool) -> None:
    change_tflite_scale(copy / "model.int8.tflite", "body.0.conv.5", lambda s: s * factor)
    first = walk(copy, recorded=recorded).first_bad
    assert first is not None
    assert (first.tensor, first.artifact) == ("body.0.conv.5", "int8.tflite")


def test_one_wrong_scale_in_the_onnx_file(copy: Path) -> None:
    change_onnx(copy / "model.int8.onnx", "body.1.conv.2::scale", lambda s: s * np.float32(1.3))
    first = walk(copy).first_bad
    assert first is not None
    assert (first.tensor, first.artifact) == ("body.1.conv.2", "int8.onnx")


def test_one_wrong_weight_scale(copy: Path) -> None:
    def one_channel(scale):
        scale[3] *= 3
        return scale

    change_tflite_scale(copy / "model.int8.tflite", "squeeze.weight", one_channel)
    first = walk(copy, recorded=False).first_bad
    assert first is not None
    assert first.artifact == "int8.tflite"
    assert first.kind == "parameters"
    assert "squeeze.weight" in first.message


def test_a_transposed_kernel_in_the_int8_file(copy: Path) -> None:
    def transposed(weight):  # OHWI
        return np.ascontiguousarray(weight.transpose(0, 2, 1, 3))

    change_tflite_data(copy / "model.int8.tflite", "squeeze.weight", transposed)
    found = walk(copy)
    assert found.first_bad is not None
    assert found.first_bad.kind == "constants"
    assert found.first_bad.artifact == "int8.tflite"
    assert found.first_bad.layer == "squeeze"
    assert all(f.artifact == "int8.tflite" for f in found.findings)


def test_a_transposed_depthwise_kernel_in_the_onnx_file(copy: Path) -> None:
    change_onnx(
        copy / "model.int8.onnx",
        "body.1.conv.3.weight::int8",
        lambda w: np.ascontiguousarray(w.transpose(0, 1, 3, 2)),
    )
    first = walk(copy).first_bad
    assert first is not None
    assert (first.tensor, first.artifact, first.kind) == (
        "body.1.conv.5",
        "int8.onnx",
        "constants",
    )


def swapped(weight):
    weight[[1, 4]] = weight[[4, 1]]
    return weight


def test_a_swapped_output_channel(copy: Path) -> None:
    change_tflite_data(copy / "model.int8.tflite", "body.0.conv.6.weight", swapped)
    first = walk(copy).first_bad
    assert first is not None
    assert (first.tensor, first.artifact, first.kind) == (
        "body.0.conv.6",
        "int8.tflite",
        "constants",
    )
    assert "output channel 1, 4" in first.message


def test_a_swapped_input_channel(copy: Path) -> None:
    def columns(weight):
        weight[:, [0, 5]] = weight[:, [5, 0]]
        return weight

    change_onnx(copy / "model.int8.onnx", "squeeze.weight::int8", columns)
    first = walk(copy).first_bad
    assert first is not None
    assert first.kind == "constants"
    assert "input channel 0, 5" in first.message


def test_a_swapped_channel_in_the_float_tflite_file(copy: Path) -> None:
    change_tflite_data(copy / "model.tflite", "body.1.conv.0.weight", swapped)
    found = walk(copy)
    assert found.truth == "onnx"
    assert [f.tensor for f in found.findings] == ["body.1.conv.2"]
    assert found.first_bad is not None
    assert found.first_bad.artifact == "tflite"
    assert "body.1.conv.0.weight" in found.first_bad.message


def test_a_transposed_kernel_in_the_float_onnx_file_is_not_blamed_on_the_others(
    copy: Path,
) -> None:
    change_onnx(
        copy / "model.onnx", "squeeze.weight", lambda w: np.ascontiguousarray(w.swapaxes(2, 3))
    )
    found = walk(copy)
    assert found.truth == "tflite"
    assert {f.artifact for f in found.findings} == {"onnx"}
    assert found.first_bad is not None
    assert "squeeze" in found.first_bad.message


def test_the_reference_of_another_net_is_told_from_a_broken_file(copy: Path) -> None:
    vectors = golden.load(copy)
    wrong = {name: -array for name, array in vectors.reference.items()}
    found = diagnose(artifacts.present(copy), vectors.samples, wrong, photos=1)
    assert [(f.tensor, f.kind) for f in found.findings] == [("logits", "output")]


def test_a_changed_attribute_shows_as_a_kernel(copy: Path) -> None:
    import onnx

    path = copy / "model.int8.onnx"
    proto = onnx.load(path)
    node = next(n for n in proto.graph.node if n.name == "body.0.conv.3")
    pads = next(a for a in node.attribute if a.name == "pads")
    pads.ints[:] = [2, 1, 0, 1]
    onnx.save(proto, path)
    first = walk(copy).first_bad
    assert first is not None
    assert (first.tensor, first.artifact, first.kind) == ("body.0.conv.5", "int8.onnx", "kernel")


def test_without_the_float_onnx_file_it_says_what_is_needed(copy: Path) -> None:
    (copy / "model.onnx").unlink()
    with pytest.raises(UsageError, match="--format onnx,tflite"):
        walk(copy)


def test_a_grid_that_clips_these_photos_is_told_of_and_not_broken(bundle: Path) -> None:
    vectors = golden.load(bundle)
    images = Images(np.float32(3) * vectors.samples.normalized[:1], vectors.samples.pixels[:1])
    session = open_graph(load(bundle / "model.onnx"), None)
    (logits,) = session.run(None, {"input": images.normalized})
    found = diagnose(artifacts.present(bundle), images, {"logits": logits}, photos=1)
    assert found.passed
    assert {grid.artifact for grid in found.poor_grids} == {"int8.tflite", "int8.onnx"}
    assert "clips" in found.poor_grids[0].message
