"""ONNX files of other tools: exported, held against onnxruntime's run of them, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgeconv
from edgeconv.data.stated import Stated
from edgeconv.errors import ArtifactRefused, EdgeconvError, NetRefused, UsageError
from edgeconv.export.options import ExportOptions
from edgeconv.files.read import read_operations
from edgeconv.runtime.open import open_session
from tests.export.sources import foreign_files as files

IMAGENET = Stated(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), resize=36)
FAST: dict[str, Any] = {"calib_samples": 8, "recipe": "fast", "stated": IMAGENET}


def exported(path: Path, out: Path, **options: Any) -> edgeconv.Bundle:
    return edgeconv.export_bundle(str(path), ExportOptions(**{**FAST, **options}), out=out)


def test_a_net_gives_the_same_files_as_a_module_and_as_onnx(tmp_path: Path) -> None:
    as_onnx = exported(files.traced(tmp_path / "twin.onnx"), tmp_path / "onnx", int8=True)
    options = ExportOptions(int8=True, calib_samples=8, recipe="fast")
    target = f"{files.__file__}:twin"
    as_module = edgeconv.export_bundle(target, options, out=tmp_path / "module")
    assert as_onnx.parity_passed
    assert as_onnx.artifacts.keys() == as_module.artifacts.keys()
    for name, path in as_onnx.artifacts.items():
        assert path.read_bytes() == as_module.artifacts[name].read_bytes(), name


@pytest.mark.parametrize("opset", [9, 10, 11, 13, 18, 20])
def test_files_of_any_opset(opset: int, tmp_path: Path) -> None:
    axes = {"image": {0: "n", 2: "height", 3: "width"}}
    folding = {"do_constant_folding": opset != 13}
    path = files.traced(tmp_path / "net.onnx", opset, dynamic_axes=axes, **folding)
    bundle = exported(path, tmp_path / "out", input_size=(40, 32))
    assert bundle.parity_passed
    assert bundle.manifest["graph"]["inputs"] == {"input": [1, 3, 40, 32]}
    assert bundle.manifest["weights"]["source"] == "net.onnx"


def test_images_that_lie_with_channels_last_are_not_turned(tmp_path: Path) -> None:
    path = files.channels_last(tmp_path / "keras.onnx")
    bundle = exported(path, tmp_path / "out", int8=True, batch=2)
    assert bundle.parity_passed
    outputs = bundle.manifest["graph"]["outputs"]
    assert outputs == {"scores": [2, 5], "mask": [2, 2, 15, 15], "heat": [2, 8, 15, 15]}
    for name in ("tflite", "int8.tflite"):
        shapes = {one.name: one.shape for one in open_session(bundle.artifacts[name]).outputs}
        assert shapes == {"scores": (2, 5), "mask": (2, 15, 15, 2), "heat": (2, 15, 15, 8)}
        assert "TRANSPOSE" not in operators(bundle.artifacts[name])
    theirs = open_session(files.channels_last(path, (2, files.SIDE, files.SIDE, 3)))
    photos = np.load(bundle.directory / "golden.npz")["input_float32_nchw"][:2]
    scores, mask, heat = theirs.run([photos.transpose(0, 2, 3, 1).copy()])
    ours = open_session(bundle.artifacts["onnx"]).run([photos])
    assert np.allclose(ours[0], scores, atol=1e-5)
    assert np.allclose(ours[1].transpose(0, 2, 3, 1), mask, atol=1e-5)
    assert np.allclose(ours[2].transpose(0, 2, 3, 1), heat, atol=1e-5)


def operators(path: Path) -> set[str]:
    return {operation.kind for operation in read_operations(path).operations}


def test_values_in_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    path = files.traced(folder / "twin.onnx")
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="values.bin", size_threshold=0)
    monkeypatch.chdir("/")
    assert exported(path, tmp_path / "out", formats=("onnx",)).parity_passed


def test_what_the_user_states_is_in_the_bundle(tmp_path: Path) -> None:
    stated = Stated((0.5,) * 3, (0.25,) * 3, 40, "bicubic", ("a", "b", "c", "d"))
    bundle = exported(files.traced(tmp_path / "net.onnx"), tmp_path / "out", stated=stated)
    assert bundle.labels == ("a", "b", "c", "d")
    assert bundle.manifest["preprocessing"] == {
        "input_size": [32, 32],
        "resize": 40,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "interpolation": "bicubic",
    }


def quantized(path: Path) -> Path:
    node = helper.make_node("QuantizeLinear", ["scores", "one", "zero"], ["q"], "quantize")
    model = onnx.load(files.changed(path, node=node))
    held = (
        numpy_helper.from_array(np.float32(1), "one"),
        numpy_helper.from_array(np.int8(0), "zero"),
    )
    model.graph.initializer.extend(held)
    onnx.save(model, path)
    return path


def of_another_domain(path: Path) -> Path:
    node = helper.make_node("MyNms", ["scores"], ["kept"], "nms", domain="own")
    return files.changed(path, node=node)


def with_two_inputs(path: Path) -> Path:
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 4]))
    onnx.save(model, path)
    return path


def of_opset_6(path: Path) -> Path:
    model = onnx.load(path)
    model.opset_import[0].version = 6
    onnx.save(model, path)
    return path


def damaged(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:500])
    return path


def shaped(*shape: Any) -> Callable[[Path], Path]:
    return lambda path: files.changed(path, list(shape))


REFUSED: list[tuple[Callable[[Path], Path], dict[str, Any], type[EdgeconvError], str]] = [
    (quantized, {}, NetRefused, "quantized already"),
    (of_another_domain, {}, NetRefused, r"own\.MyNms \(nms\)"),
    (
        with_two_inputs,
        {},
        UsageError,
        r"takes input \(3, 32, 32\), mask \(4,\), which is no",
    ),
    (with_two_inputs, {"stated": Stated()}, UsageError, "give --calib DIR of .npy or .npz"),
    (of_opset_6, {}, NetRefused, "opset 6"),
    (damaged, {}, ArtifactRefused, "no ONNX file"),
    (shaped(1, 1, 32, 32), {}, UsageError, r"makes \(3, 32, 32\) of a photo"),
    (shaped(1, 3, 32), {}, UsageError, "which is no single image"),
    (shaped(1, 3, "t"), {}, UsageError, r"leaves sizes of \w+ open \(t\)"),
    (shaped(1, 3, "h", 32), {}, UsageError, "h x axis 3"),
    (shaped(1, 3, 32, 32), {"input_size": (48, 48)}, UsageError, "images of 32 x 32"),
    (shaped(4, 3, 32, 32), {}, UsageError, "--batch 4"),
    (shaped(1, 3, 32, 32), {"stated": Stated(mean=(0, 0, 0))}, UsageError, "--std, --resize"),
    (shaped(1, 3, 32, 32), {"weights": "random"}, UsageError, "leave --weights out"),
    (shaped(1, 3, 32, 32), {"classes": 3}, UsageError, "leave --classes out"),
    (shaped(1, 3, 32, 32), {"features": "head"}, UsageError, "leave --features out"),
]


@pytest.mark.parametrize(("change", "options", "error", "words"), REFUSED)
def test_what_cannot_be_exported_is_refused(
    change: Callable[[Path], Path],
    options: dict[str, Any],
    error: type[EdgeconvError],
    words: str,
    tmp_path: Path,
) -> None:
    path = change(files.traced(tmp_path / "net.onnx"))
    with pytest.raises(error, match=words):
        exported(path, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_labels_of_another_number_than_classes_are_refused(tmp_path: Path) -> None:
    stated = Stated((0.5,) * 3, (0.25,) * 3, 40, labels=("cat", "dog"))
    with pytest.raises(NetRefused, match="2 labels"):
        exported(files.traced(tmp_path / "net.onnx"), tmp_path / "out", stated=stated)


@pytest.mark.parametrize(
    ("op_type", "opset", "attributes"),
    [
        ("Sum", 13, {}),
        ("Mean", 13, {}),
        ("Mish", 18, {}),
        ("Shrink", 17, {"lambd": 0.3, "bias": 0.1}),
        ("ThresholdedRelu", 17, {"alpha": 0.2}),
        ("Softsign", 22, {}),
        ("MeanVarianceNormalization", 13, {"axes": [0, 2, 3]}),
        ("GroupNormalization", 21, {"num_groups": 4, "epsilon": 1e-3}),
    ],
)
def test_operators_that_onnx_composes_of_others(
    op_type: str, opset: int, attributes: dict[str, Any], tmp_path: Path
) -> None:
    path = files.composed(tmp_path / "net.onnx", op_type, opset, **attributes)
    bundle = exported(path, tmp_path / "out")
    assert bundle.parity_passed
