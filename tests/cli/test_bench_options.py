"""`edgeconv bench` with its options, as a user runs it."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper

from edgeconv.bundle.manifest import FORM
from edgeconv.devices.bench.config import PAIRED_PROCESSES, BenchConfig
from edgeconv.runtime.open import open_session
from tests.cli.conftest import Run
from tests.helpers.tiny_models import TinyNet

MANIFEST = {
    "format": FORM.number,
    "artifacts": {},
    "files": {},
    "graph": {
        "inputs": {"input": [1, 3, 224, 224]},
        "outputs": {},
        "parts": {},
        "probabilities": False,
    },
    "net": {"name": "tiny", "depth": 1, "options": {}},
    "parity": {"failed": [], "stages": [], "status": "passed", "thresholds": {}},
    "preprocessing": {},
    "weights": {"trained": False},
}
QUICK = ("--processes", 1, "--runs", 2)
NET = "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Conv2d(3, 4, 3))\n"

without_cuda = pytest.mark.skipif(
    torch.cuda.is_available() or "CUDAExecutionProvider" in onnxruntime.get_available_providers(),
    reason="this machine has CUDA",
)


@pytest.fixture(autouse=True)
def eager(own: Path) -> None:
    """A profile of the user's that has torch on the CPU."""
    (own / "eager.toml").write_text('like = "local"\nengines = ["onnxruntime", "torch"]\n')


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return TinyNet().write_all(tmp_path)


@without_cuda
@pytest.mark.parametrize(
    ("device", "words"), [("cuda", "CUDAExecutionProvider"), ("tensorrt", "Tensorrt")]
)
def test_without_a_gpu_nothing_is_measured_and_exit_is_3(run: Run, files, device, words):
    result = run("bench", "model.onnx", "--device", device, *QUICK)
    assert (result.code, result.out) == (3, "")
    assert words in result.err
    assert "onnxruntime-gpu" in result.err


@without_cuda
def test_torch_without_a_gpu_exits_with_3(run: Run):
    result = run("bench", "squeezenet1_1", "--device", "cuda", "--engine", "torch", *QUICK)
    assert (result.code, result.out) == (3, "")
    assert "with CUDA" in result.err


@pytest.mark.parametrize("words", [("parity", "x"), ("eval", "x", "--data", ".")])
def test_what_is_not_done_on_a_gpu_is_not_done_on_the_cpu_instead(run: Run, words, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "manifest.json").write_text("{}")
    result = run(*words, "--device", "cuda")
    assert result.code == 2
    assert "only bench" in result.err


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_litert_is_no_engine_of_a_gpu(run: Run, files, device):
    result = run("bench", "model.tflite", "--device", device)
    assert result.code == 2
    assert "onnxruntime" in result.err


def test_a_profile_with_an_engine_that_cannot_run_there_is_wrong_usage(run: Run, own):
    (own / "mine.toml").write_text('like = "cuda"\nengines = ["litert"]\n')
    (own / "board.toml").write_text('like = "rpi4"\nengines = ["torch"]\n')
    (own / "far.toml").write_text('like = "rpi4"\nprovider = "cuda"\n')
    for name, says in (("mine", "onnxruntime, torch"), ("board", "torch"), ("far", "provider")):
        result = run("bench", "model.onnx", "--device", name)
        assert result.code == 2
        assert says in result.err


def test_each_batch_size_is_measured_with_its_throughput(run: Run, files):
    result = run("bench", "model.onnx", "--batch", "1,3", *QUICK, "--json")
    assert result.code == 0, result.err
    single, several = json.loads(result.out)["results"]
    assert (single["batch"], several["batch"]) == (1, 3)
    assert several["artifact"]["name"] == "model.onnx, batch 3"
    expected = 3000 / several["latency"]["p50_ms"]
    assert several["images_per_s"] == pytest.approx(expected)
    assert open_session(files["onnx"]).inputs[0].shape[0] == 1, "the file itself stays"


def test_a_file_that_has_no_other_batch_size_is_left_out_of_a_bundle_only(
    run: Run, files, tmp_path
):
    """Its sum over photos makes a file of a bundle one that cannot be copied."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "manifest.json").write_text(json.dumps(MANIFEST))
    TinyNet().float_onnx(bundle / "model.onnx")
    mixing = helper.make_node("ReduceSum", ["conv", "axes"], ["logits"], keepdims=1)
    model = onnx.load(bundle / "model.onnx")
    del model.graph.node[1:]
    model.graph.node.append(mixing)
    model.graph.initializer.append(numpy_helper.from_array(np.asarray([0]), "axes"))
    for dimension in (1, 1):
        model.graph.output[0].type.tensor_type.shape.dim.add().dim_value = dimension
    onnx.save(model, bundle / "model.int8.onnx")
    words = ("--engine", "onnxruntime", "--batch", "2", *QUICK)
    result = run("bench", "bundle", *words, "--json")
    assert result.code == 0, result.err
    (measured,) = json.loads(result.out)["results"]
    assert measured["artifact"]["name"] == "onnx, batch 2"
    assert "left out: bundle/model.int8.onnx" in result.err
    alone = run("bench", "bundle/model.int8.onnx", *words)
    assert alone.code == 4
    assert "another batch size" in alone.err


@pytest.mark.parametrize(
    ("photos", "code", "says"),
    [(2, 4, "takes 2 photos at once"), (1, 2, "leave those out with --engine onnxruntime")],
)
def test_a_bundle_with_tflite_files_has_one_error_that_leads_on(
    run: Run, files, tmp_path, photos, code, says
):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "manifest.json").write_text(json.dumps(MANIFEST))
    shutil.copyfile(files["tflite"], bundle / "model.tflite")
    model = onnx.load(files["onnx"])
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = photos
    onnx.save(model, bundle / "model.onnx")
    result = run("bench", "bundle", "--batch", "1,8", *QUICK)
    assert result.code == code
    assert says in result.err
    assert "warning" not in result.err
    assert ("--engine" in result.err) is (photos == 1)


def test_ones_own_net_is_measured_by_torch_without_a_bundle(run: Run, tmp_path):
    (tmp_path / "net.py").write_text(NET)
    words = ("--device", "eager", "--engine", "torch", "--batch", "2", "--channels-last")
    result = run("bench", "net.py:build", *words, *QUICK)
    assert result.code == 0, result.err
    assert "torch, batch 2" in result.out
    assert "images/s" in result.out


def test_a_bundles_name_of_its_net_is_never_imported(run: Run, tmp_path):
    """A manifest may come from anywhere; a name such as module:function would be code."""
    (tmp_path / "net.py").write_text("raise SystemExit('imported')")
    (tmp_path / "evil").mkdir()
    manifest = {**MANIFEST, "net": {"name": "net.py:build", "depth": 1, "options": {}}}
    (tmp_path / "evil" / "manifest.json").write_text(json.dumps(manifest))
    result = run("bench", "evil", "--device", "eager", "--engine", "torch", *QUICK)
    assert result.code == 2
    assert "torch cannot build net.py:build from its bundle" in result.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("model.tflite", "--batch", "2"), "bench it without"),
        (("model.onnx", "--batch", "0"), "1 to 4096"),
        (("model.onnx", "--batch", "many"), "list of integers"),
        (("model.onnx", "--batch", ""), "list of integers"),
        (("model.onnx", "--batch", "2,2"), "names 2 twice"),
        (("model.onnx", "--threads", "1,1"), "names 1 twice"),
        (("model.onnx", "model.tflite", "--one-by-one", "--side-by-side"), "exclude each other"),
        (("model.onnx", "--runs", "2", "--seconds", "1"), "give one"),
        (("model.onnx", "--seconds", "0"), "0.01 to 600"),
        (("model.onnx", "--seconds", "nan"), "0.01 to 600"),
        (("model.onnx", "--engine", "torch"), "It has litert, onnxruntime"),
    ],
)
def test_options_that_cannot_be_are_wrong_usage(run: Run, files, words, says):
    result = run("bench", *words)
    assert (result.code, result.out) == (2, "")
    assert says in result.err


@pytest.mark.parametrize(
    ("path", "says", "shown"),
    [("none/x.json", "No such file", False), ("/dev/full", "No space left", True)],
)
def test_no_measurement_is_lost_to_a_path(run: Run, files, path, says, shown):
    result = run("bench", "model.onnx", "--json-file", path, *QUICK)
    assert result.code == 3
    assert f"{path} cannot be written: {says}" in result.err
    assert ("p50 ms" in result.out) is shown


def test_a_file_given_twice_is_measured_twice_and_compared_with_itself(run: Run, files):
    words = ("--processes", 2, "--runs", 2, "--json-file", "aa.json")
    assert run("bench", "model.tflite", "model.tflite", *words).code == 0
    document = json.loads(Path("aa.json").read_text())
    names = [found["artifact"]["name"] for found in document["results"]]
    assert names == ["model.tflite", "model.tflite (2)"]
    assert document["config"]["side_by_side"] is True
    chosen = [word for name in names for word in ("--artifact", name)]
    compared = run("compare", "aa.json", "aa.json", *chosen)
    assert compared.code == 0
    assert "model.tflite -> model.tflite (2)" in compared.out


def test_one_run_is_too_few_to_be_judged(run: Run, files):
    result = run("bench", "model.onnx", "--runs", 1, "--processes", 1)
    assert result.code == 0, result.err
    row = result.out.splitlines()[2].split()
    assert row[4] == "-"
    assert row[-3:] == ["too", "few", "runs"]


def test_seconds_say_how_long_each_process_measures(run: Run, files):
    result = run("bench", "model.onnx", "--seconds", "0.05", "--processes", 1, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["config"]["timing"]["seconds"] == 0.05
    (process,) = document["results"][0]["processes"]
    taken_s = sum(process["timing"]["samples_ns"]) / 1e9
    last_s = process["timing"]["samples_ns"][-1] / 1e9
    assert taken_s - last_s <= 0.05, "no run begins after the time is up"


@pytest.mark.parametrize(
    ("words", "side_by_side", "processes"),
    [
        (("model.onnx", "model.tflite"), True, 10),
        (("model.onnx", "model.tflite", "--one-by-one"), False, 5),
        (("model.onnx", "model.tflite", "--processes", 2), True, 2),
        (("model.onnx",), False, 5),
        (("bundle",), False, 5),
        (("bundle", "--side-by-side", "--processes", 2), True, 2),
    ],
)
def test_several_targets_are_measured_side_by_side_and_often_enough_for_pairs(
    run: Run, files, tmp_path, words, side_by_side, processes
):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "manifest.json").write_text(json.dumps(MANIFEST))
    for name in ("model.onnx", "model.int8.onnx"):
        shutil.copyfile(tmp_path / name, bundle / name)
    result = run("bench", *words, "--seconds", "0.01", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["config"]["side_by_side"] is side_by_side
    assert {len(found["processes"]) for found in document["results"]} == {processes}


def test_help_says_how_many_processes_there_are(run: Run):
    """Help is drawn without what would tell it: the import of NumPy."""
    defaults = f"[default: ({BenchConfig.processes}, or {PAIRED_PROCESSES} side by side)]"
    assert defaults in " ".join(run("bench", "--help").out.replace("│", " ").split())


def test_side_by_side_is_said_under_the_table_and_needs_two_files(run: Run, files):
    result = run("bench", "model.onnx", "model.tflite", *QUICK)
    assert "side by side" in result.out
    alone = run("bench", "model.onnx", "--side-by-side", *QUICK)
    assert alone.code == 2
    assert "no other" in alone.err


@pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")
def test_a_board_that_does_not_answer_is_given_up_with_the_ways_on(run: Run, files):
    """Something listens and never speaks: the slowest way not to reach a board."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        words = ("--device", "rpi4", "--host", "127.0.0.1", "--port", port)
        result = run("bench", "model.onnx", *words)
    assert (result.code, result.out) == (3, "")
    for way in (f"127.0.0.1:{port}", "--host", "edgeconv devices check rpi4", "rpi4-emulated"):
        assert way in result.err
    _, heading, *ways = result.err.splitlines()
    assert (heading, len(ways)) == ("ways on:", 3)
