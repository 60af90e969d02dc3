"""What the file of a sweep may say, and how it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeconv import child
from tests.cli.conftest import Run
from tests.sweep.conftest import STAND_IN, stood_in_for

FULL = """
nets = ["mobilenet_v2", "net.py:build", "model.onnx"]
devices = ["local", "rpi4-emulated"]
[export]
calib = "photos"
recipe = "fast"
weights = "random"
[vary]
precision = ["int8", ""]
net-option = [[], ["a=1", "b=2"]]
[net.mobilenet_v2]
weights = "w.safetensors"
[eval]
data = "photos"
[bench]
threads = 2
side-by-side = true
[limits]
memory-gib = 2
minutes = 0.5
"""


@pytest.fixture
def full(run: Run) -> Path:
    """A folder with a sweep and all that it names."""
    Path("photos").mkdir()
    for name in ("photos/a.jpg", "photos.csv", "net.py", "model.onnx", "w.safetensors"):
        Path(name).write_text(name)
    Path("sweep.toml").write_text(FULL)
    return Path("sweep.toml")


def _cells(run: Run, *words: object) -> list[dict[str, Any]]:
    shown = run("sweep", "sweep.toml", "--dry-run", "--json", *words)
    assert shown.code == 0, shown.err
    return list(json.loads(shown.out)["cells"])


def test_every_combination_is_a_cell_and_says_what_varies(run: Run, full: Path) -> None:
    cells = _cells(run)
    assert [cell["title"] for cell in cells[:4]] == [
        "mobilenet_v2 precision=int8",
        "mobilenet_v2 precision=int8 net-option=a=1,b=2",
        "mobilenet_v2",
        "mobilenet_v2 net-option=a=1,b=2",
    ]
    assert len(cells) == 12
    assert len({cell["digest"] for cell in cells}) == 12
    assert {(cell["kind"], cell["state"]) for cell in cells} == {("export", "to do")}
    assert not Path("sweep").exists()


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("photos/a.jpg", range(12)),
        ("photos.csv", range(12)),
        ("w.safetensors", range(4)),
        ("net.py", range(4, 8)),
        ("model.onnx", range(8, 12)),
    ],
)
def test_a_changed_file_makes_other_cells_of_those_that_read_it(
    run: Run, full: Path, file: str, changed: range
) -> None:
    before = [cell["digest"] for cell in _cells(run)]
    Path(file).write_text("other")
    after = [cell["digest"] for cell in _cells(run)]
    differ = [one != other for one, other in zip(before, after, strict=True)]
    assert [place for place, one in enumerate(differ) if one] == list(changed)


def test_where_the_files_lie_makes_no_difference(run: Run, full: Path) -> None:
    before = [cell["digest"] for cell in _cells(run)]
    for name in ("photos", "photos.csv", "net.py", "model.onnx", "w.safetensors", "sweep.toml"):
        Path("moved").mkdir(exist_ok=True)
        Path(name).rename(Path("moved", name))
    shown = run("sweep", "moved/sweep.toml", "--dry-run", "--json")
    digests = [cell["digest"] for cell in json.loads(shown.out)["cells"]]
    assert digests == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[eval]", "eval = 1\n[x]", "x is no key of a sweep"),
        ("nets =", "nests =", "nests is no key of a sweep (sweep.toml); did you mean nets"),
        ('["mobilenet_v2", "net.py:build", "model.onnx"]', "[]", "must name at least one net"),
        ('"model.onnx"]', '"mobilenet_v2"]', "nets names one twice"),
        ("[net.mobilenet_v2]", "[net.mobilenet]", "did you mean mobilenet_v2"),
        ("rpi4-emulated", "rpi4-emulatd", "did you mean rpi4-emulated"),
        ("recipe =", "receipt =", "did you mean recipe"),
        ("recipe =", "out =", "out is no option of export"),
        ('"fast"', '["fast"]', "what varies stands under [vary]"),
        ('weights = "random"', "weights = []", "what varies stands under [vary]"),
        ('["int8", ""]', '"int8"', "vary.precision must be a list"),
        ("threads = 2", "runs = true", "runs must be a text or a number"),
        ("side-by-side = true", "side-by-side = 1", "side-by-side must be true or false"),
        ("minutes = 0.5", "minutes = 0", "limits.minutes must be a number above 0"),
        ("minutes = 0.5", "hours = 1", "hours is no limit"),
        ('data = "photos"', 'data = "none"', "none cannot be read"),
        ("[limits]", "[limits", "is no TOML"),
    ],
)
def test_what_cannot_be(run: Run, full: Path, old: str, new: str, said: str) -> None:
    assert old in FULL
    full.write_text(FULL.replace(old, new, 1))
    refused = run("sweep", "sweep.toml")
    assert refused.code == 2, refused.err
    assert said in refused.err
    assert not Path("sweep").exists()


def test_there_is_no_such_file(run: Run) -> None:
    refused = run("sweep", "none.toml")
    assert (refused.code, "none.toml cannot be read" in refused.err) == (2, True)


def test_no_scheduler_answers(run: Run, full: Path) -> None:
    refused = run("sweep", "sweep.toml", "--scheduler", "nonsense://nowhere")
    assert (refused.code, "no Dask scheduler answers at nonsense" in refused.err) == (3, True)


def test_a_sweep_shows_what_it_does_and_what_came_out(
    run: Run, full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "command", stood_in_for(STAND_IN))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    full.write_text('nets = ["a", "refused", "b"]\n[bench]\n')
    first = run("sweep", "sweep.toml")
    assert first.code == 0, first.err
    assert "export b (3 of 3, about" in first.err
    assert "warning: refused: what was wrong" in first.err
    rows = [line.split() for line in first.out.splitlines()[2:-1]]
    assert [row[:2] for row in rows] == [
        ["export", "a"],
        ["bench", "a"],
        ["bench", "a"],
        ["export", "refused"],
        ["export", "b"],
        ["bench", "b"],
    ]
    again = json.loads(run("sweep", "sweep.toml", "--json").out)
    assert [one["code"] for one in again["results"]] == [0, 0, 0, 4, 0, 0]
    assert len((tmp_path / "log").read_text().splitlines()) == 6
