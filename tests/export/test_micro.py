"""Files for microcontrollers: run in their interpreter, with a header that a compiler takes."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeconv
from edgeconv.errors import ArtifactRefused, UnavailableError, UsageError
from edgeconv.export import micro
from edgeconv.export.front_ends import OPTIONS_FOR
from edgeconv.export.micro import resolver_name
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions
from tests.export.test_front_ends import PYTHON

NET = """
from torch import nn

class Net(nn.Sequential):
    preprocessing = {"input_size": (24, 24), "resize": 24}

def build():
    return Net(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 12),
    )

def unheard():
    return Net(nn.Conv2d(3, 8, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""
STUB = """
#include <cstdio>
{include}
struct Resolver {{
  int count = 0;
{methods}
}};
int main() {{
  Resolver resolver;
  AddOperators(resolver);
  std::fwrite(model_int8_tflite, 1, model_int8_tflite_len, stdout);
  return resolver.count == kOperators ? 0 : 1;
}}
"""


def export(place: Path, factory: str = "build", **options: Any) -> edgeconv.Bundle:
    (place / "net.py").write_text(NET)
    given = {"weights": "random", "recipe": "fast", "calib_samples": 8, **OPTIONS_FOR["micro"]}
    chosen = edgeconv.ExportOptions(**{**given, "front_end": "micro", **options})
    return edgeconv.export_bundle(f"{place / 'net.py'}:{factory}", chosen, out=place / "bundle")


@pytest.fixture
def as_litert(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that gives what LiteRT's reference kernels give."""

    def run(path: Path, feeds: Sequence[np.ndarray], _: int) -> tuple[list[np.ndarray], str]:
        session = open_session(path, SessionOptions(kernels="reference"))
        return session.run(feeds), "[x] Arena allocation total 4321 bytes"

    monkeypatch.setattr(micro, "_run", run)
    monkeypatch.setattr(micro, "require_interpreter", lambda: None)


@pytest.fixture
def interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one, here or where EDGECONV_FRONT_ENDS says."""
    if PYTHON:
        monkeypatch.setattr(micro, "_PYTHON", PYTHON)
    try:
        micro.require_interpreter()
    except UnavailableError as missing:
        pytest.skip(str(missing))


@pytest.mark.usefixtures("as_litert")
class TestWhatIsWritten:
    def test_the_manifest_tells_arena_and_operators(self, tmp_path: Path) -> None:
        made = export(tmp_path)
        told = made.manifest["micro"]
        assert told["arena_bytes"] == 4321
        assert {"CONV_2D", "MAX_POOL_2D"} <= set(told["operators"])
        assert "micro" in made.manifest["artifacts"]["int8.tflite"]["opens_in"]
        assert made.manifest["files"][told["header"]]
        assert edgeconv.Bundle.load(made.directory).manifest == made.manifest

    @pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
    def test_a_compiler_takes_the_header(self, tmp_path: Path) -> None:
        made = export(tmp_path)
        names = [resolver_name(code) for code in made.manifest["micro"]["operators"]]
        methods = "\n".join(f"  void Add{name}() {{ ++count; }}" for name in names)
        include = f'#include "{made.directory / "model.int8.h"}"'
        source, program = tmp_path / "main.cc", tmp_path / "main"
        source.write_text(STUB.format(include=include, methods=methods))
        subprocess.run(["g++", "-std=c++17", "-Wall", "-Werror", source, "-o", program], check=True)
        done = subprocess.run([program], capture_output=True, check=True)
        assert done.stdout == (made.directory / "model.int8.tflite").read_bytes()


@pytest.mark.usefixtures("as_litert")
@pytest.mark.parametrize("wrong", [lambda x: x[..., ::-1], lambda x: x + 8, np.zeros_like])
def test_other_outputs_than_litert_s_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Any
) -> None:
    right = micro._run

    def run(*given: Any) -> tuple[list[np.ndarray], str]:
        outputs, said = right(*given)
        return [wrong(output) for output in outputs], said

    monkeypatch.setattr(micro, "_run", run)
    with pytest.raises(ArtifactRefused, match="otherwise than LiteRT"):
        export(tmp_path)
    assert not (tmp_path / "bundle").exists()


def test_the_interpreter_that_is_missing_is_named_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("tflite_micro") is not None:
        pytest.skip("it is installed here")
    monkeypatch.setattr(micro, "_PYTHON", sys.executable)
    with pytest.raises(UnavailableError, match="pip install tflite-micro"):
        export(tmp_path)


@pytest.mark.parametrize("options", [{"formats": ("onnx",)}, {"int8": False}])
def test_without_the_int8_file_there_is_nothing_to_run(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="of the int8 TFLite file"):
        export(tmp_path, **options)


@pytest.mark.parametrize(
    ("code", "method"),
    [
        ("CONV_2D", "Conv2D"),
        ("DEPTHWISE_CONV_2D", "DepthwiseConv2D"),
        ("AVERAGE_POOL_2D", "AveragePool2D"),
        ("FULLY_CONNECTED", "FullyConnected"),
        ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor"),
        ("SPACE_TO_BATCH_ND", "SpaceToBatchNd"),
        ("L2_NORMALIZATION", "L2Normalization"),
        ("PADV2", "PadV2"),
        ("CUMSUM", "CumSum"),
        ("RELU6", "Relu6"),
        ("SPLIT_V", "SplitV"),
    ],
)
def test_methods_are_called_as_in_the_resolver_s_header(code: str, method: str) -> None:
    """tensorflow/lite/micro/micro_mutable_op_resolver.h of tensorflow/tflite-micro."""
    assert resolver_name(code) == method


@pytest.mark.usefixtures("interpreter")
class TestTheInterpreter:
    def test_it_gives_what_litert_gives(self, tmp_path: Path) -> None:
        made = export(tmp_path)
        told = json.loads((made.directory / "manifest.json").read_text("utf-8"))["micro"]
        largest = 24 * 24 * (8 + 3)  # the input and what the first convolution writes
        assert largest <= told["arena_bytes"] < 4 * largest

    def test_an_operator_that_it_lacks_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ArtifactRefused, match=r"Micro: .*GELU"):
            export(tmp_path, "unheard")
        assert not (tmp_path / "bundle").exists()
