"""Whole nets of other tools, float and int8, in onnxruntime, LiteRT, TensorFlow's interpreter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import edgeconv
from edgeconv.data.stated import Stated
from edgeconv.export.options import ExportOptions
from edgeconv.files.read import read_operations
from edgeconv.runtime.open import open_session
from tests.export.sources import whole_nets

STATED = Stated((0.5,) * 3, (0.25,) * 3, "stretch")


def exported(path: Path, out: Path) -> edgeconv.Bundle:
    options = ExportOptions(int8=True, calib_samples=16, recipe="fast", io="float32", stated=STATED)
    return edgeconv.export_bundle(str(path), options, out=out)


def of_the_file(path: Path, photos: NDArray[np.float32]) -> list[NDArray[Any]]:
    """What onnxruntime makes of the file itself, its optimizations off."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options)
    return list(session.run(None, {session.get_inputs()[0].name: photos}))


def of_tflite(path: Path, photo: NDArray[np.float32]) -> list[NDArray[Any]]:
    """What TensorFlow's interpreter makes of a photo (1, H, W, 3), by the names of the outputs."""
    interpreter = pytest.importorskip("tensorflow").lite.Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    made = runner(**{next(iter(runner.get_input_details())): photo})
    return [made[name] for name in sorted(made)]


def sqnr(made: NDArray[Any], wanted: NDArray[Any]) -> float:
    noise = np.square(made - wanted).mean()
    return float(10 * np.log10(np.square(wanted).mean() / noise))


@pytest.mark.parametrize("net", [whole_nets.keras, whole_nets.yolo])
def test_a_net_of_another_tool(net: Callable[[Path], Path], tmp_path: Path) -> None:
    path = net(tmp_path / "net.onnx")
    is_nhwc = net is whole_nets.keras
    bundle = exported(path, tmp_path / "out")
    assert bundle.parity_passed, bundle.manifest["parity"]["failed"]
    photo = np.load(bundle.directory / "golden.npz")["input_float32_nchw"][:1]
    nhwc = np.ascontiguousarray(photo.transpose(0, 2, 3, 1))
    wanted = of_the_file(path, nhwc if is_nhwc else photo)
    for name, file in bundle.artifacts.items():
        session = open_session(file)
        order = np.argsort([spec.name for spec in session.outputs])
        made = session.run([nhwc if file.suffix == ".tflite" else photo])
        for one, right in zip(made, wanted, strict=True):
            assert one.shape == right.shape
            assert sqnr(one, right) > (20 if "int8" in name else 100), name
        if file.suffix == ".tflite":
            for theirs, at in zip(of_tflite(file, nhwc), order, strict=True):
                assert sqnr(theirs, wanted[at]) > (20 if "int8" in name else 100), name
            # Keras's four are gone; the detector's heads have one each, in the middle of five axes.
            kinds = [one.kind for one in read_operations(file).operations]
            assert not (is_nhwc and "TRANSPOSE" in kinds)
