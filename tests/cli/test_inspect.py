"""`edgeconv inspect` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.helpers.operations import node, weights, write_onnx
from tests.helpers.tiny_models import TinyNet

NET = ("inspect", "mobilenet_v2", "--net-option", "width=0.5")


def test_a_net_shows_what_is_published_beside_what_is_true(run: Run) -> None:
    document = json.loads(run(*NET, "--json").out)
    published = document["published"]
    # TensorFlow's own table: 1.95 M parameters there rounded, 97 M multiply-adds, top-1 65.4.
    assert published["counted_parameters"] == published["parameters"] == 1_968_680
    assert published["multiply_adds"] == 97_000_000
    assert abs(document["multiply_adds"] / 97e6 - 1) < 0.01
    assert published["top1"] == 65.4
    assert "research/slim" in published["sources"]["top1"]


def test_the_table_names_every_guideline_and_what_is_claimed(run: Run) -> None:
    result = run(*NET)
    assert result.code == 0, result.err
    for words in (
        *("activations at once", "memory access", "arithmetic intensity", "counted here"),
        *("G1 unbalanced channels", "G2 group convolution", "G3 fragmentation", "G4 element-wise"),
    ):
        assert words in result.out
    assert result.err == ""


def test_at_another_size_the_claim_is_not_compared(run: Run) -> None:
    result = run(*NET, "--input-size", 96)
    row = next(line for line in result.out.splitlines() if line.startswith("multiply-adds  "))
    assert "%" not in row


@pytest.mark.parametrize("artifact", ["onnx", "tflite", "int8.onnx", "int8.tflite"])
def test_files_of_any_tool_and_precision_are_read(run: Run, tmp_path: Path, artifact: str) -> None:
    path = TinyNet().write_all(tmp_path)[artifact]
    document = json.loads(run("inspect", path, "--json").out)
    assert document["multiply_adds"] == 5 * 3 * 4 * 4
    assert document["parameters"] == 5 * 3 * 4 * 4 + 5
    assert document["int8_share"] == (1.0 if "int8" in artifact else 0.0)
    bytes_a_value = 1 if "int8" in artifact else 4
    memory = document["activation_memory"]
    assert memory["sum_bytes"] == memory["peak_bytes"] == (48 + 5) * bytes_a_value
    assert document["memory_access_bytes"] == (48 + 5 + 240) * bytes_a_value + 5 * 4
    assert [f["guideline"] for f in document["findings"]] == ["G1", "G2", "G3", "G4"]
    assert "published" not in document


def test_layout_changes_and_open_dimensions_are_pointed_out(run: Run, tmp_path: Path) -> None:
    path = write_onnx(
        tmp_path / "m.onnx",
        [node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]), node("Conv", ["t", "w"], ["y"])],
        {"w": weights(4, 8)},
        shape=("N", 8, 4, 4),
    )
    result = run("inspect", path)
    assert "layout changes        1" in result.out
    assert "figures are lower bounds" in result.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("inspect", "mobilenet_v9"), 2, "did you mean"),
        (("inspect", "missing.tflite"), 2, "does not exist"),
        (("inspect", "mobilenet_v2", "--net-option", "depth=3"), 2, "mobilenet_v2 has"),
        (("inspect", "m.onnx", "--input-size", "64"), 2, "takes no --net-option"),
    ],
)
def test_wrong_use(run: Run, words: tuple[object, ...], code: int, said: str) -> None:
    result = run(*words)
    assert result.code == code, result.err
    assert said in " ".join(result.err.split())
