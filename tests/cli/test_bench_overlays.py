"""edgeconv bench --model-explorer: overlays of what operators take."""

from __future__ import annotations

import json
from pathlib import Path

from edgeconv.files.read import read_operations
from tests.cli.conftest import Run, left_behind
from tests.embed.conftest import bundle as bundle  # the fixture

QUICK = ("--processes", 1, "--runs", 2)


def test_an_overlay_of_each_tflite_file_names_its_operators(
    run: Run, bundle: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "overlays"
    folder.mkdir()
    done = run("bench", bundle, *QUICK, "--profile", "--model-explorer", folder)
    assert done.code == 0, done.err
    assert left_behind(folder) == ["int8.tflite.time.json", "tflite.time.json"]
    for name in ("tflite", "int8.tflite"):
        told = json.loads((folder / f"{name}.time.json").read_text())
        operations = {each.name for each in read_operations(bundle / f"model.{name}").operations}
        assert told["results"]
        assert set(told["results"]) <= operations
        most = next(one for one in told["gradient"] if one["stop"] == 1)
        assert most["bgColor"] != "#ffffff"  # the longest is the loudest
        assert f"{name}.time.json" in done.err


def test_overlays_of_nothing_or_to_nowhere_are_refused(
    run: Run, bundle: Path, tmp_path: Path
) -> None:
    done = run("bench", bundle, *QUICK, "--model-explorer", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "give --profile too" in done.err
    done = run("bench", bundle, *QUICK, "--profile", "--model-explorer", tmp_path / "none")
    assert (done.code, done.out) == (3, "")
    assert "is no folder" in done.err
