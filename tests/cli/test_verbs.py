"""The verbs as a user runs them, one after the other, on one bundle."""

from __future__ import annotations

import csv
import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

import edgeconv
from edgeconv.nets.load import load_net
from tests.cli.conftest import Run

SIZE = 64


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a small SqueezeNet, exported once."""
    place = tmp_path_factory.mktemp("exported")
    save_file(
        load_net("squeezenet1_1", weights="random").module.state_dict(), place / "w.safetensors"
    )
    options = edgeconv.ExportOptions(
        int8=True, weights=str(place / "w.safetensors"), input_size=(SIZE, SIZE), calib_samples=8
    )
    return edgeconv.export_bundle("squeezenet1_1", options, out=place / "squeezenet1_1").directory


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve labelled pictures with a CSV beside them."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    with (tmp_path / "photos.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label"])
        for number in range(12):
            array = rng.integers(0, 255, (80, 100, 3), dtype=np.uint8)
            Image.fromarray(array).save(folder / f"{number}.png")
            rows.writerow([f"{number}.png", number])
    return folder


def test_parity_prints_every_stage_and_writes_junit_and_markdown_files(
    run: Run, tmp_path: Path, exported: Path
) -> None:
    result = run("parity", exported, "--junit", "parity.xml", "--markdown", "parity.md")
    assert result.code == 0, result.err
    for artifact in ("onnx", "tflite", "int8.onnx", "int8.tflite"):
        assert artifact in result.out
    suite = ET.parse(tmp_path / "parity.xml").getroot()
    assert int(suite.get("tests", "0")) >= 7
    assert suite.get("failures") == "0"
    heading, *page = (tmp_path / "parity.md").read_text("utf-8").splitlines()
    assert heading == "### Parity of squeezenet1\\_1"
    rows = [line for line in page if line.startswith("| ") and line.endswith(" passed |")]
    assert len(rows) >= 7


def test_parity_past_a_threshold_ends_with_1_and_names_the_stage(run: Run, exported: Path) -> None:
    result = run("parity", exported, "--int8-sqnr-db", 90, "--json")
    assert result.code == 1
    assert "int8.tflite" in result.err
    document = json.loads(result.out)
    assert document["status"] == "failed"
    assert "int8.tflite" in document["failed"]


@pytest.mark.parametrize("where", [".", "missing/parity.xml"])
def test_a_junit_file_that_cannot_be_written_is_refused_before_anything_runs(
    run: Run, exported: Path, where: str
) -> None:
    result = run("parity", exported, "--junit", where)
    assert result.code == 3
    assert "cannot be written" in result.err
    assert result.out == ""


@pytest.mark.parametrize("bound", ["nan", "inf"])
@pytest.mark.parametrize("option", ["--float-error", "--int8-sqnr-db"])
def test_a_bound_that_is_no_number_is_wrong_usage(
    run: Run, exported: Path, option: str, bound: str
) -> None:
    result = run("parity", exported, option, bound)
    assert result.code == 2
    assert "must be a finite number" in result.err
    assert result.out == ""


def test_an_export_past_a_threshold_is_written_and_ends_with_1(run: Run, tmp_path: Path) -> None:
    result = run(
        *("export", "squeezenet1_1", "--weights", "random", "--input-size", SIZE),
        *("--format", "tflite", "--float-error", "1e-12", "--out", "b"),
    )
    assert result.code == 1
    assert "parity missed its threshold: tflite" in result.err
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    assert manifest["parity"]["status"] == "failed"


def test_eval_of_a_bundle_compares_every_file_with_float(
    run: Run, exported: Path, photos: Path
) -> None:
    result = run("eval", exported, "--data", photos, "--json")
    assert result.code == 0, result.err
    found = {e["artifact"]: e["comparison"] for e in json.loads(result.out)["evaluations"]}
    assert set(found) == {"onnx", "tflite", "int8.onnx", "int8.tflite"}
    assert found["tflite"]["agreement"]["value"] == 1.0
    assert found["int8.tflite"]["images"] == 12
    table = run("eval", exported, "--data", photos)
    assert "McNemar p" in table.out


def test_eval_of_one_file_takes_its_bundles_float_file_as_reference(
    run: Run, exported: Path, photos: Path, tmp_path: Path
) -> None:
    result = run("eval", exported / "model.int8.tflite", "--data", photos, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["reference"] == "onnx"
    alone = shutil.copy(exported / "model.tflite", tmp_path / "foreign.tflite")
    result = run("eval", alone, "--data", photos, "--json")
    assert result.code == 0, result.err
    assert "stands in no bundle" in result.err
    assert f'"resize": {round(SIZE * 256 / 224)}' in result.err
    assert "no float file to compare" in run("eval", alone, "--data", photos).out


def test_eval_runs_on_the_files_that_labels_name_wherever_they_lie(
    run: Run, exported: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    (folder / "a" / "b").mkdir(parents=True)
    Image.new("RGB", (SIZE, SIZE), (200, 30, 90)).save(folder / "a" / "b" / "c.png")
    np.save(folder / "notes.npy", np.zeros(3, np.float32))
    (folder / "labels.csv").write_text("file,label\na/b/c.png,7\n")
    result = run("eval", exported, "--data", folder, "--json")
    assert result.code == 0, result.err
    assert {e["comparison"]["images"] for e in json.loads(result.out)["evaluations"]} == {1}


def test_eval_with_labels_of_another_net_is_refused(
    run: Run, exported: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos.csv").write_text("file,label\n0.png,5000\n")
    result = run("eval", exported, "--data", photos)
    assert result.code in (2, 4)
    assert "5000" in result.err


def test_bench_measures_every_file_in_fresh_processes(
    run: Run, exported: Path, tmp_path: Path
) -> None:
    result = run(
        *("bench", exported, "--threads", "1,2", "--runs", 5, "--processes", 2, "--json"),
        *("--json-file", "bench.json"),
    )
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document == json.loads((tmp_path / "bench.json").read_text())
    rows = {(r["artifact"]["name"], r["threads"]): r for r in document["results"]}
    assert set(rows) == {
        (name, threads)
        for name in ("onnx", "tflite", "int8.onnx", "int8.tflite")
        for threads in (1, 2)
    }
    for row in rows.values():
        assert len(row["processes"]) == 2
        assert 0 < row["latency"]["min_ms"] <= row["latency"]["p50_ms"]


def test_bench_of_a_net_looks_for_its_bundle(
    run: Run, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = run("bench", "squeezenet1_1")
    assert missing.code == 2
    assert "edgeconv export squeezenet1_1 --int8" in missing.err
    monkeypatch.chdir(exported.parent)
    result = run("bench", "squeezenet1_1", "--runs", 2, "--processes", 1)
    assert result.code == 0, result.err
    assert "p50 ms" in result.out


def test_an_untrained_bundle_is_found_by_its_nets_name(
    run: Run, exported: Path, tmp_path: Path
) -> None:
    shutil.copytree(exported, tmp_path / "squeezenet1_1-untrained")
    assert run("parity", "squeezenet1_1").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("bench", "no_such_net"), 2, "there is no bundle at no_such_net"),
        (("bench", "mobilenet_v2", "--device", "rpi9"), 2, "rpi9 is no device"),
        (("bench", "mobilenet_v2", "--threads", "none"), 2, "list of integers"),
        (("bench", "missing.tflite"), 2, "missing.tflite"),
        (("parity", "."), 2, "no bundle"),
        (("eval", "missing.onnx", "--data", "."), 2, "missing.onnx"),
        (("inspect", "missing.onnx"), 2, "missing.onnx"),
        (("inspect", "mobilenet_v9"), 2, "did you mean"),
        (("bench", "mobilenet_v2", "--json", "--json-file"), 2, "requires"),
    ],
)
def test_wrong_targets(run: Run, words: tuple[object, ...], code: int, said: str) -> None:
    result = run(*words)
    assert result.code == code, result.err
    assert said in " ".join(result.err.split())


def test_an_altered_bundle_is_refused_by_every_verb(
    run: Run, exported: Path, tmp_path: Path, photos: Path
) -> None:
    copy = shutil.copytree(exported, tmp_path / "altered")
    (copy / "model.tflite").write_bytes(b"\0" * 100)
    for words in (("parity", copy), ("bench", copy), ("eval", copy, "--data", photos)):
        result = run(*words)
        assert result.code == 4
        assert "model.tflite was altered" in result.err


def test_inspect_reads_nets_and_files(run: Run, exported: Path) -> None:
    int8 = json.loads(run("inspect", exported / "model.int8.tflite", "--json").out)
    assert int8["int8_share"] == 1.0
    assert int8["layout_changes"] == 0
    onnx = json.loads(run("inspect", exported / "model.int8.onnx", "--json").out)
    assert onnx["int8_share"] == 1.0
    net = json.loads(run("inspect", "squeezenet1_1", "--input-size", SIZE, "--json").out)
    assert net["int8_share"] == 0.0
    assert net["multiply_adds"] == int8["multiply_adds"] == onnx["multiply_adds"]
    assert net["parameters"] == 1_235_496


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_inspect_refuses_what_is_no_model(run: Run, tmp_path: Path, suffix: str) -> None:
    broken = tmp_path / f"broken{suffix}"
    for content in (b"", b"hello", b"\x1c\0\0\0TFL3" + b"\xff" * 200, bytes(range(256)) * 40):
        broken.write_bytes(content)
        result = run("inspect", broken)
        assert result.code == 4, (content[:10], result.err)
        assert "Traceback" not in result.err
