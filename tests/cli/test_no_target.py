"""Without a target, bench, parity and eval take the bundles in the current directory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

import edgeconv
from edgeconv.nets.load import load_net
from tests.cli.conftest import Run

QUICK = ("--runs", 2, "--processes", 1, "--engine", "litert")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with one file."""
    place = tmp_path_factory.mktemp("exported")
    weights = load_net("squeezenet1_1", weights="random").module.state_dict()
    save_file(weights, place / "w.safetensors")
    options = edgeconv.ExportOptions(
        weights=str(place / "w.safetensors"), input_size=(64, 64), formats=("tflite",)
    )
    return edgeconv.export_bundle("squeezenet1_1", options, out=place / "b").directory


@pytest.fixture
def two(bundle: Path, tmp_path: Path) -> None:
    """Two bundles, one that is being written, and what else lies about."""
    for name in ("b", "a", ".c.edgeconv-1234"):
        shutil.copytree(bundle, tmp_path / name)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "manifest.json").write_text('{"name": "an app"}')
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "manifest.json").write_text("[]")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos" / "0"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((70, 70, 3), np.uint8)).save(folder / "black.png")
    return folder.parent


@pytest.mark.parametrize("verb", ["bench", "parity", "eval"])
def test_where_there_is_no_bundle_one_sentence_says_how_to_make_one(run: Run, verb: str):
    words = ["--data", "."] if verb == "eval" else []
    done = run(verb, *words)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "edgeconv export mobilenet_v2 --int8" in done.err


def test_bench_takes_all_sorted_and_says_which(run: Run, two: None):
    done = run("bench", *QUICK, "--json")
    assert done.code == 0, done.err
    assert "of the current directory: a, b\n" in done.err
    assert [r["artifact"]["name"] for r in json.loads(done.out)["results"]] == [
        "a: tflite",
        "b: tflite",
    ]


def test_the_current_directory_itself_may_be_one(
    run: Run, bundle: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(bundle)
    done = run("parity", "--json")
    assert done.code == 0, done.err
    assert "of the current directory: ." in done.err
    assert json.loads(done.out)["status"] == "passed"


def test_parity_of_several_tells_of_each_and_names_what_failed(run: Run, two: None, tmp_path: Path):
    done = run("parity", "--float-error", "1e-12", "--junit", "p.xml")
    assert done.code == 1
    assert done.out.count("parity with the reference") == 2
    assert "a: tflite" in done.err
    assert "b: tflite" in done.err
    cases = ElementTree.parse(tmp_path / "p.xml").iter("testcase")
    assert {str(case.get("name")).partition(": ")[0] for case in cases} == {"a", "b"}
    found = json.loads(run("parity", "--json").out)
    assert [(one["bundle"], one["status"]) for one in found["bundles"]] == [
        ("a", "passed"),
        ("b", "passed"),
    ]


def test_eval_of_several_tells_of_each(run: Run, two: None, photos: Path):
    found = json.loads(run("eval", "--data", photos, "--json").out)
    assert [(one["bundle"], one["reference"]) for one in found["bundles"]] == [
        ("a", "tflite"),
        ("b", "tflite"),
    ]
    done = run("eval", "--data", photos)
    assert done.code == 0
    assert [line for line in done.out.splitlines() if line in ("a:", "b:")] == ["a:", "b:"]


def test_a_damaged_manifest_is_told(run: Run, two: None, tmp_path: Path):
    (tmp_path / "a" / "manifest.json").write_text("{")
    done = run("parity")
    assert done.code == 4
    assert "a/manifest.json is no edgeconv manifest: it is no JSON" in done.err


def test_out_without_a_net_is_wrong_usage(run: Run, two: None):
    done = run("bench", "--out", "a")
    assert done.code == 2
    assert "--out goes with one NET" in done.err
