"""A file that crashes its engine is refused, and the caller's program goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgeconv
from edgeconv.bundle import trial
from edgeconv.errors import ArtifactRefused, UnavailableError
from edgeconv.runtime.session import SessionOptions
from tests.helpers import huge
from tests.helpers.tiny_models import TinyNet

NET = """
from torch import nn

class Net(nn.Sequential):
    preprocessing = {"input_size": (16, 16), "resize": 16}

def net():
    layers = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    return Net(*layers)
"""
CRASH = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
WAYS = [SessionOptions(), SessionOptions(kernels="reference"), SessionOptions(keep_tensors=True)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> edgeconv.Bundle:
    place = tmp_path_factory.mktemp("bundle")
    (place / "net.py").write_text(NET)
    options = edgeconv.ExportOptions(precisions=("int8",), weights="random", calib_samples=8)
    return edgeconv.export_bundle(f"{place}/net.py:net", options, out=place / "out")


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_survived", set())


def engine_in_children(code: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Child processes get this for both engines; this one keeps its own."""
    import onnxruntime  # noqa: F401

    for module in ("ai_edge_litert/__init__.py", "onnxruntime/__init__.py"):
        (place / "engine" / module).parent.mkdir(parents=True)
        (place / "engine" / module).touch()
    for module in ("ai_edge_litert/interpreter.py", "onnxruntime/__init__.py"):
        (place / "engine" / module).write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(place / "engine"))


@pytest.mark.parametrize("artifact", ["tflite", "int8.tflite", "onnx", "int8.onnx"])
def test_opening_a_file_that_crashes_its_engine_is_refused(
    artifact: str, bundle: edgeconv.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_in_children(CRASH, tmp_path, monkeypatch)
    with pytest.raises(ArtifactRefused, match="crashed in its native code"):
        bundle.open(artifact)


def test_parity_of_a_file_that_crashes_its_engine_is_refused(
    bundle: edgeconv.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_in_children(CRASH, tmp_path, monkeypatch)
    with pytest.raises(ArtifactRefused, match="crashed in its native code"):
        bundle.parity()


def test_a_file_that_never_comes_to_an_end_is_refused(
    bundle: edgeconv.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_in_children("import time\ntime.sleep(600)\n", tmp_path, monkeypatch)
    monkeypatch.setattr(trial, "_LIMIT_S", 0.5)
    with pytest.raises(ArtifactRefused, match="took more than"):
        bundle.open("tflite")


def test_a_file_that_survived_is_not_tried_again(
    bundle: edgeconv.Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bundle.parity().passed
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    assert bundle.parity().passed
    bundle.open("int8.tflite")
    bundle.open("onnx")
    for artifact in ("int8.tflite", "int8.onnx"):
        with pytest.raises(UnavailableError, match="no process can be started"):
            bundle.open(artifact, SessionOptions(threads=2))


def test_other_bytes_are_tried_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = TinyNet().int8_tflite(tmp_path / "model.tflite")
    trial.require_survival(path, WAYS)
    TinyNet(bias=np.ones(5, np.float32)).int8_tflite(path)
    engine_in_children(CRASH, tmp_path, monkeypatch)
    with pytest.raises(ArtifactRefused, match="crashed"):
        trial.require_survival(path, WAYS)


def test_what_is_damaged_is_told_by_who_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    for content in (b"", b"1234TFL3" + bytes(100), TinyNet().int8_tflite(path).read_bytes()[:900]):
        path.write_bytes(content)
        trial.require_survival(path, WAYS)


@pytest.mark.parametrize("code", ["raise SystemExit(9)", "import os; os._exit(9)"])
def test_a_child_that_fails_otherwise_proves_nothing(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_in_children(code, tmp_path, monkeypatch)
    path = TinyNet().int8_tflite(tmp_path / "model.tflite")
    for _ in range(2):
        with pytest.raises(UnavailableError, match="ended with 9"):
            trial.require_survival(path, WAYS)


#: Gives this process, and so the one that tries the file, a GiB of memory.
TRIED_IN_LITTLE = """
import resource, sys
from pathlib import Path
from edgeconv.errors import MemoryRefused
from edgeconv.bundle import trial
from edgeconv.runtime.session import SessionOptions

resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30))
try:
    trial.require_survival(Path(sys.argv[1]), [SessionOptions()])
except MemoryRefused as error:
    print(error)
"""


def huge_tflite(path: Path) -> Path:
    return huge.tflite(path.with_suffix(".tflite"), (1, 1000, 10_000, 60))


def huge_onnx(path: Path) -> Path:
    return huge.onnx_net(path.with_suffix(".onnx"), (1, 1000, 10_000, 60))


@pytest.mark.parametrize("made", [huge_tflite, huge_onnx])
def test_a_small_file_that_asks_for_more_memory_than_is_free_is_refused(
    made: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = made(tmp_path / "net")
    assert path.stat().st_size < 1000
    done = subprocess.run(
        [sys.executable, "-c", TRIED_IN_LITTLE, str(path)], capture_output=True, text=True
    )
    assert done.stdout.startswith(f"{path} asks for more memory than is free"), done.stderr
