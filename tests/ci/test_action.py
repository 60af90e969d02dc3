"""What action.yml and the GitLab template say is what a shell can do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.helpers.action_steps import Ran, Runner, write_program
from tests.helpers.machines.emulated import own_cache

ROOT = Path(__file__).resolve().parents[2]
BOARD = "rpi4-emulated"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
GITLAB = ROOT / "docs" / "ci" / "edgeconv.gitlab-ci.yml"
NET = """
import torch
from torch import nn


def net():
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
    )
    made.preprocessing = {"input_size": (32, 32), "resize": 32}
    return made
"""
EXPORT = {"net": "net.py:net", "options": "--weights\nrandom\n\n"}


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """`edgeconv` of this checkout; `sudo` of who may do everything; others only tell of calls."""
    folder, calls = tmp_path / "programs", tmp_path / "calls"
    write_program(
        folder / "edgeconv", f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m edgeconv "$@"'
    )
    write_program(folder / "sudo", 'exec "$@"')
    for name in ("python", "make"):
        write_program(folder / name, f'printf "%s\\n" "{name} $*" >> "{calls}"')
    return folder


@pytest.fixture
def runner(tmp_path: Path, programs: Path) -> Runner:
    workspace = tmp_path / "work space"
    workspace.mkdir()
    (workspace / "net.py").write_text(NET, "utf-8")
    return Runner(ROOT, workspace, [programs])


def calls(runner: Runner) -> list[str]:
    return runner.workspace.with_name("calls").read_text("utf-8").splitlines()


def ended(done: list[Ran]) -> dict[str, int]:
    return {ran.name: ran.code for ran in done}


def test_without_a_board_it_exports_and_checks_and_shows_the_table(runner: Runner) -> None:
    done = runner.run(**EXPORT, package="a wheel.whl")
    assert ended(done) == {
        "Install edgeconv": 0,
        "Export": 0,
        "Check parity here": 0,
        "Show the tables on the run's page": 0,
    }, done
    assert calls(runner) == ["python -m pip install -- a wheel.whl"]
    suite = ET.parse(runner.workspace / "edgeconv-results" / "parity.xml").getroot()
    assert suite.get("failures") == "0"
    page = runner.summary.read_text("utf-8")
    assert page.startswith("### Parity of bundle\n")
    assert "| int8.tflite |" in page


@pytest.mark.parametrize("given", ["net", "options", "weights", "calib", "bundle"])
def test_what_is_given_is_never_a_command(runner: Runner, given: str) -> None:
    words = '$(touch pwned)`touch pwned`"; touch pwned; "'
    done = runner.run(**{"net": "no_such_net", given: words})
    assert ended(done)["Export"] == 2, done
    assert [path.name for path in runner.workspace.rglob("pwned*")] == []
    assert "Check parity here" not in ended(done)
    assert ended(done)["Show the tables on the run's page"] == 0


@pytest.fixture
def board(tmp_path: Path) -> Iterator[None]:
    with own_cache(BOARD, tmp_path / "cache"):
        yield


@pytest.mark.slow
def test_on_a_board_both_count_instructions_and_more_of_them_fail(
    runner: Runner, board: None
) -> None:
    """The GitLab job makes the baseline, and the action is held against it."""
    results, page = runner.workspace / "edgeconv-results", runner.summary
    done = run_gitlab_job(runner)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in results.iterdir()}
    assert {"parity.xml", "1-parity.md", "parity-board.xml", "bench.json", "3-bench.md"} <= made
    baseline = (results / "bench.json").rename(runner.workspace / "baseline.json")

    ran = runner.run(**EXPORT, device=BOARD, baseline="baseline.json")
    assert set(ended(ran).values()) == {0}, ran
    assert calls(runner)[-1] == f"make -C {ROOT} emulation"
    assert ET.parse(results / "parity-board.xml").getroot().get("failures") == "0"
    for heading in ("Parity of bundle", f"Bench on {BOARD}", "bench.json against baseline.json"):
        assert f"### {heading}" in page.read_text("utf-8")

    document = json.loads(baseline.read_text("utf-8"))
    for result in document["results"]:
        halved = [count // 2 for count in result["instructions_by_process"]]
        result["instructions_by_process"] = halved
    baseline.write_text(json.dumps(document), "utf-8")
    page.unlink()
    last = ("Compare with the baseline", "Show the tables on the run's page")
    slower = runner.run(last, **EXPORT, device=BOARD, baseline="baseline.json")
    assert [step.code for step in slower] == [1, 0], slower
    assert "slower" in page.read_text("utf-8")


def run_gitlab_job(runner: Runner) -> subprocess.CompletedProcess[str]:
    """All lines of the job's scripts, as a runner of GitLab's joins them."""
    job = yaml.safe_load(GITLAB.read_text("utf-8"))[".edgeconv"]
    given = {
        "EDGECONV_PACKAGE": "a wheel.whl",
        "EDGECONV_NET": "net.py:net",
        "EDGECONV_WEIGHTS": "random",
        "EDGECONV_DEVICE": BOARD,
    }
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join([*job["before_script"], *job["script"]])],
        cwd=runner.workspace,
        env={**runner.environment, **job["variables"], **given},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1800,
    )


def scripts(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        if isinstance(document.get("run"), str):
            yield document["run"]
        for value in document.values():
            yield from scripts(value)
    elif isinstance(document, list):
        for value in document:
            yield from scripts(value)


@pytest.mark.parametrize("path", [ROOT / "action.yml", *WORKFLOWS], ids=lambda path: path.name)
def test_no_script_has_an_expression_pasted_into_it(path: Path) -> None:
    found = list(scripts(yaml.safe_load(path.read_text("utf-8"))))
    assert found
    assert [script for script in found if "${{" in script] == []


def test_the_documentation_names_the_inputs_that_there_are() -> None:
    page = (ROOT / "docs" / "continuous-integration.md").read_text("utf-8")
    inputs = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"]
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert set(inputs) == named
    workflow = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    steps = workflow["jobs"]["edge"]["steps"]
    (used,) = [step["with"] for step in steps if step.get("uses") == "./edgeconv"]
    assert set(used) <= set(inputs)
