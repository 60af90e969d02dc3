"""Model files open with their engine, run as declared, and are refused where they are broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeconv.errors import ArtifactRefused, UnavailableError, UsageError
from edgeconv.runtime.chatter import routine_silenced
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions
from tests.helpers.tiny_models import TinyNet, photos

OPSET = [helper.make_opsetid("", 17)]
NET = TinyNet()
PHOTO = photos(1)


def feed_of(path: Path) -> np.ndarray:
    return PHOTO.transpose(0, 2, 3, 1).copy() if path.suffix == ".tflite" else PHOTO


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return NET.write_all(tmp_path)


@pytest.mark.parametrize("kernels", ["default", "reference"])
@pytest.mark.parametrize("artifact", ["onnx", "tflite"])
@pytest.mark.parametrize("threads", [1, 2])
def test_float_files_give_numpys_logits(files, artifact, kernels, threads):
    session = open_session(files[artifact], SessionOptions(threads=threads, kernels=kernels))
    (logits,) = session.run([feed_of(files[artifact])])
    np.testing.assert_allclose(logits, NET.logits(PHOTO), rtol=0, atol=2e-5)


def test_an_int8_tflite_file_declares_types_scales_and_signature_names(files):
    session = open_session(files["int8.tflite"])
    (taken,), (given) = session.inputs, session.outputs[0]
    assert session.engine == "litert"
    assert (taken.name, taken.shape, taken.dtype) == ("photo", (1, 4, 4, 3), np.int8)
    assert taken.scale == pytest.approx(NET.input_scale)
    assert taken.zero_point == NET.input_zero_point
    assert (given.name, given.shape, given.zero_point) == ("scores", (1, 5), NET.output_zero_point)


def test_without_a_signature_tensors_go_by_their_own_names(tmp_path):
    session = open_session(NET.float_tflite(tmp_path / "m.tflite", signature=False))
    assert session.inputs[0].name == "input"
    assert session.outputs[0].name == "logits"
    assert session.inputs[0].scale is None


@pytest.mark.parametrize("artifact", ["onnx", "tflite", "int8.onnx", "int8.tflite"])
def test_a_bound_session_runs_on_the_inputs_it_was_given(files, artifact):
    session = open_session(files[artifact])
    spec = session.inputs[0]
    session.bind([np.zeros(spec.shape, spec.dtype)])()


def test_intermediate_tensors_are_read_by_name(files):
    session = LiteRtSession(files["int8.tflite"], SessionOptions(keep_tensors=True))
    (logits,) = session.run([np.full((1, 4, 4, 3), 7, np.int8)])
    np.testing.assert_array_equal(session.read_tensor("conv").reshape(1, -1), logits)
    assert session.tensor_specs()["conv"].scale == pytest.approx(NET.output_scale)
    assert session.tensor_specs()["w"].scale is None  # per channel
    with pytest.raises(UsageError, match="no tensor named convv"):
        session.read_tensor("convv")


def test_tensors_are_kept_on_request_only_and_by_litert_only(files):
    session = LiteRtSession(files["tflite"], SessionOptions())
    with pytest.raises(UsageError, match="keep_tensors"):
        session.read_tensor("conv")
    with pytest.raises(UsageError, match=r"\.tflite"):
        open_session(files["onnx"], SessionOptions(keep_tensors=True))


@pytest.mark.parametrize("artifact", ["onnx", "tflite"])
@pytest.mark.parametrize(
    "feeds",
    [[], [np.zeros((1, 5, 5, 3), np.float32)], [np.zeros((1, 4, 4, 3), np.float64)]],
    ids=["none", "shape", "type"],
)
def test_feeds_that_do_not_fit_are_refused_before_native_code_sees_them(files, artifact, feeds):
    session = open_session(files[artifact])
    with pytest.raises(UsageError):
        session.run(feeds)
    with pytest.raises(UsageError):
        session.bind(feeds)


def test_a_symbolic_batch_size_counts_as_one(tmp_path):
    session = open_session(NET.float_onnx(tmp_path / "m.onnx", batch="N"))
    assert session.inputs[0].shape == (1, 3, 4, 4)
    assert session.run([PHOTO])[0].shape == (1, 5)


def test_a_symbolic_height_is_refused(tmp_path):
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, "H", 4]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", info[:1], info[1:])
    model = helper.make_model(graph, opset_imports=OPSET, ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ArtifactRefused, match="no static shape"):
        open_session(tmp_path / "m.onnx")


@pytest.mark.parametrize("artifact", ["onnx", "tflite", "int8.onnx", "int8.tflite"])
@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9])
def test_a_truncated_file_is_refused(files, artifact, share):
    data = files[artifact].read_bytes()
    files[artifact].write_bytes(data[: int(share * len(data))])
    with pytest.raises(ArtifactRefused):
        open_session(files[artifact])


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite"])
def test_a_file_of_another_kind_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"<!DOCTYPE html><title>404</title>" * 100)
    with pytest.raises(ArtifactRefused, match=name):
        open_session(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "shape", "huge"),
    [
        ("conv", [1, 1, 1, 5], [1, 30000, 30000, 5]),
        ("input", [1, 4, 4, 3], [1, 40000, 40000, 3]),
    ],
)
def test_a_tflite_file_that_claims_huge_tensors_is_refused_before_they_are_made(
    tmp_path, files, name, shape, huge
):
    data = files["tflite"].read_bytes()
    before, after = (np.array(s, np.int32).tobytes() for s in (shape, huge))
    assert data.count(before) == 1
    (tmp_path / "huge.tflite").write_bytes(data.replace(before, after))
    with pytest.raises(ArtifactRefused, match=f"tensor {name} claims"):
        open_session(tmp_path / "huge.tflite")


def test_onnx_data_outside_of_the_models_folder_is_not_read(tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(4))
    (tmp_path / "inner").mkdir()
    tensor = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xy"]
    node = helper.make_node("Add", ["x", "c"], ["y"])
    graph = helper.make_graph([node], "g", info[:1], info[1:], [tensor])
    path = tmp_path / "inner" / "m.onnx"
    model = helper.make_model(graph, opset_imports=OPSET, ir_version=8)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactRefused, match="secret"):
        open_session(path)


MUTATE = """
import random, sys
import numpy as np
from edgeconv.errors import EdgeconvError
from edgeconv.runtime.open import open_session
data, path = open(sys.argv[1], "rb").read(), sys.argv[2]
for seed in range(60):
    rng = random.Random(seed)
    broken = bytearray(data)
    for _ in range(rng.choice([1, 3, 10])):
        broken[rng.randrange(8, len(data))] = rng.choice([0, 1, 127, 255])
    open(path, "wb").write(broken)
    try:
        session = open_session(path)
        session.run([np.zeros(s.shape, s.dtype) for s in session.inputs])
    except EdgeconvError:
        pass
print("survived")
"""


@pytest.mark.parametrize("artifact", ["tflite", "int8.tflite", "int8.onnx"])
def test_damaged_files_run_or_are_refused_but_never_end_the_process(files, tmp_path, artifact):
    path = tmp_path / f"damaged{files[artifact].suffix}"
    done = subprocess.run(
        [sys.executable, "-c", MUTATE, str(files[artifact]), str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip().endswith("survived"), done.stderr[-2000:]


def test_refusing_a_damaged_onnx_file_prints_nothing(tmp_path, files, capfd):
    data = files["onnx"].read_bytes()
    (tmp_path / "damaged.onnx").write_bytes(data.replace(b"Conv", b"Co\xffv"))
    with pytest.raises(ArtifactRefused):
        open_session(tmp_path / "damaged.onnx")
    assert capfd.readouterr() == ("", "")


def test_missing_files_and_unknown_endings_are_wrong_usage(tmp_path, files):
    with pytest.raises(UsageError, match="no such file"):
        open_session(tmp_path / "none.onnx")
    with pytest.raises(UsageError, match="known endings"):
        open_session(tmp_path)
    with pytest.raises(UsageError, match="threads"):
        open_session(files["onnx"], SessionOptions(threads=0))


@pytest.mark.parametrize(
    ("artifact", "module", "package"),
    [("onnx", "onnxruntime", "onnxruntime"), ("tflite", "ai_edge_litert", "ai-edge-litert")],
)
def test_a_missing_engine_is_named_with_its_package(files, monkeypatch, artifact, module, package):
    for name in [n for n in sys.modules if n.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UnavailableError, match=f"pip install {package}"):
        open_session(files[artifact])


def test_opening_and_running_is_silent_on_stderr(files, capfd):
    for path in files.values():
        session = open_session(path)
        session.run([np.zeros(s.shape, s.dtype) for s in session.inputs])
    assert capfd.readouterr().err == ""


def test_what_native_code_reports_beside_routine_notes_is_passed_on(capfd):
    with routine_silenced():
        os.write(2, b"INFO: delegate made\nERROR: out of cheese\n")
    os.write(2, b"INFO: not while opening\n")
    assert capfd.readouterr().err == "ERROR: out of cheese\nINFO: not while opening\n"


def test_onnxruntime_writes_nothing_past_python_of_a_file_it_refuses(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A constant of 2^62 values makes its allocator complain, in colours, to the process's log."""
    path = TinyNet().float_onnx(tmp_path / "model.onnx")
    model = onnx.load(path)
    sizes = onnx.TensorProto(name="sizes", data_type=onnx.TensorProto.INT64, dims=[2**62])
    model.graph.initializer.append(sizes)
    resize = onnx.helper.make_node("Resize", ["conv", "", "", "sizes"], ["resized"])
    model.graph.node.insert(1, resize)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactRefused):
        open_session(path)
    assert capfd.readouterr().err == ""
