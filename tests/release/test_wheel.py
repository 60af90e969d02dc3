"""What is published holds all that the tree holds, and works where the tree is not."""

from __future__ import annotations

import email
import importlib.util
import os
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from edgeconv.cli.verbs import EXAMPLES
from tests.helpers.action_steps import Runner
from tests.helpers.built import ROOT, Built, build, environment
from tests.helpers.small_project import TEST

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("pip", "setuptools"))),
        reason="this environment has no pip and setuptools to build with",
    ),
]
NET = """
import torch
from torch import nn


class Net(nn.Module):
    labels = ["a", "b", "c"]

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 3, 3, 2, 1))

    def forward(self, x):
        return self.body(x).mean((2, 3))


def net():
    return Net()
"""
EXPORT = ("--weights", "random", "--input-size", "32")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """No path leads to the tree, and none to a package index."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")


@pytest.fixture(scope="module")
def programs(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment that the wheel is installed in."""
    found = environment(tmp_path_factory.mktemp("environment") / "venv")
    install = [found / "python", "-m", "pip", "install", "--no-index", built.wheel]
    apart = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(install, capture_output=True, text=True, env=apart)
    assert done.returncode == 0, done.stderr
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NET, "utf-8")
    return tmp_path


def run(program: Path, *words: object, cwd: Path) -> str:
    done = subprocess.run(
        [program, *map(str, words)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def test_the_wheel_holds_every_file_of_the_package(built: Built) -> None:
    package = ROOT / "edgeconv"
    tree = {
        str(path.relative_to(ROOT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(built.wheel) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == tree


def test_its_metadata_names_what_it_is_and_no_place_that_is_not_there(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        told = email.message_from_bytes(wheel.read(name))
        entries = wheel.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert told["Name"] == "edgeconv"
    assert told["Author"] == "The edgeconv authors"
    assert told["License-Expression"] == "Apache-2.0"
    assert told["License-File"] == "LICENSE"
    assert told.get_all("Project-URL") is None
    assert "Framework :: Pytest" in told.get_all("Classifier", [])
    assert "[console_scripts]\nedgeconv = " in entries
    assert "[pytest11]\nedgeconv = edgeconv.testing.plugin" in entries


def test_the_environment_does_not_see_the_tree(programs: Path, tmp_path: Path) -> None:
    where = run(
        programs / "python", "-c", "import edgeconv; print(edgeconv.__file__)", cwd=tmp_path
    )
    assert Path(where.strip()).is_relative_to(programs.parent)


@pytest.mark.parametrize("verb", sorted(EXAMPLES))
def test_every_verb_tells_of_itself(programs: Path, tmp_path: Path, verb: str) -> None:
    assert "Usage" in run(programs / "edgeconv", *verb.split(), "--help", cwd=tmp_path)


def test_the_verbs_work(programs: Path, place: Path) -> None:
    edgeconv = programs / "edgeconv"
    run(edgeconv, "export", "net.py:net", "--int8", *EXPORT, "--out", "net", cwd=place)
    for words in (
        ("parity", "net"),
        ("diagnose", "net", "--photos", 1),
        ("bench", "net", "--processes", 1, "--runs", 2, "--json-file", "bench.json"),
        ("audit", "net/model.int8.tflite"),
        ("inspect", "net/model.onnx"),
        ("list",),
        ("devices", "list"),
    ):
        assert run(edgeconv, *words, cwd=place)


def test_pytest_finds_the_plugin_by_itself(programs: Path, place: Path) -> None:
    words = ("export", "net.py:net", "--int8", *EXPORT, "--out", "net")
    run(programs / "edgeconv", *words, cwd=place)
    (place / "test_parity.py").write_text(TEST.format(bundle="net"), "utf-8")
    run(programs / "python", "-m", "pytest", "--junitxml=junit.xml", cwd=place)
    (case,) = ET.parse(place / "junit.xml").getroot().iter("testcase")
    assert case.find("failure") is None
    assert len(list(case.iter("property"))) > 20


def test_the_action_installs_the_wheel_and_runs_it(built: Built, place: Path) -> None:
    workspace = place / "workspace"
    workspace.mkdir()
    (workspace / "net.py").write_text(NET, "utf-8")
    runner = Runner(ROOT, workspace, [environment(place / "venv")])
    options = "\n".join(EXPORT)
    done = runner.run(net="net.py:net", options=options, package=str(built.wheel))
    assert [ran.code for ran in done] == [0] * 4, done
    assert "Successfully installed edgeconv-" in done[0].out
    assert runner.summary.read_text("utf-8").startswith("### Parity of bundle")
