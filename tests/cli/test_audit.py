"""`edgeconv audit` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeconv.export import tflite
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.quantize.recipe.recipes import quantize
from tests.cli.conftest import Run
from tests.quantize.nets import Mobile, hub, photos


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("audited")
    model, inputs = hub(Mobile()), photos(4)
    planned = quantize(model, lambda: iter(inputs))
    onnx_writer.write(model, place / "float.onnx")
    tflite.write(planned.model, place / "int8.tflite", "int8", planned.plan)
    return place


@pytest.mark.parametrize("require", ["int8", "1.0", "90%"])
def test_an_int8_file_meets_every_requirement(run: Run, place: Path, require: str) -> None:
    result = run("audit", place / "int8.tflite", "--require", require)
    assert result.code == 0, result.err
    assert "100.0 %" in result.out


@pytest.mark.parametrize("require", ["int8", "0.5"])
def test_a_float_file_misses_them(run: Run, place: Path, require: str) -> None:
    assert run("audit", place / "float.onnx").code == 0
    result = run("audit", place / "float.onnx", "--require", require, "--json")
    assert result.code == 1
    assert json.loads(result.out)["int8_share"] == 0.0
    assert "float.onnx" in result.err


def test_a_requirement_that_is_no_share(run: Run, place: Path) -> None:
    for require in ("most", "1.5", "-1"):
        result = run("audit", place / "int8.tflite", "--require", require)
        assert result.code == 2
    assert run("audit", place / "absent.tflite").code == 2
