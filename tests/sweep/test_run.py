"""A sweep does each cell once, goes on where it was cut off, and keeps its limits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edgeconv import child
from edgeconv.errors import UnavailableError
from edgeconv.sweep.cell import Cell
from edgeconv.sweep.plan import Net, Plan, Words
from edgeconv.sweep.results import Results
from edgeconv.sweep.run import Row, run, states
from edgeconv.sweep.work import OVER_TIME, Limits

# A command line that logs its words; an export leaves two files, of which one has its net's bytes.
STAND_IN = """
import hashlib, json, os, pathlib, sys, time
words = sys.argv[1:]
with open(os.environ["LOG"], "a") as log:
    log.write(json.dumps(words) + "\\n")
verb, what = words[:2]
if "refused" in what: print("error: what was wrong", file=sys.stderr); sys.exit(4)
if "away" in what: print("error: no device", file=sys.stderr); sys.exit(3)
if "slow" in what: time.sleep(60)
if "large" in what: bytearray(2**31)
if verb == "export":
    bundle = pathlib.Path(words[words.index("--out") + 1])
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "model.onnx").write_text("the same")
    (bundle / "model.tflite").write_text(what)
    files = dict.fromkeys(("model.onnx", "model.tflite", "labels.txt"), "")
    (bundle / "manifest.json").write_text(json.dumps({"net": what, "files": files}))
print(json.dumps({"verb": verb}))
"""


def _plan(*nets: str) -> Plan:
    return Plan(
        nets=[Net(net, net, net, Words(), {}) for net in nets],
        devices={"local": "", "board": ""},
        parity=Words(),
        eval=Words(("--data", "photos"), {"data": "photos"}, {"data": "0" * 64}),
        bench=Words(),
        tools={"edgeconv": "1"},
        limits=Limits(),
    )


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in says what it was called with."""
    script, log = tmp_path / "stand_in.py", tmp_path / "log"
    script.write_text(textwrap.dedent(STAND_IN))
    log.touch()
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(child, "command", lambda _: [sys.executable, str(script)])
    return log


def _verbs(log: Path) -> list[str]:
    return [json.loads(line)[0] for line in log.read_text().splitlines()]


def _run(plan: Plan, results: Results) -> list[Row]:
    return list(run(plan, results, lambda cell, through: None))


def test_each_net_is_exported_judged_and_measured_and_the_same_bytes_once(
    tmp_path: Path, log: Path
) -> None:
    rows = _run(_plan("a", "b"), Results(tmp_path / "out"))
    # a: eval here, two files on both devices, parity on the board; b: its onnx has a's bytes.
    expected = ["export", "eval", "bench", "bench", "parity", "bench", "bench"]
    expected += ["export", "eval", "bench", "parity", "bench"]
    assert _verbs(log) == expected
    assert [row.result.document for row in rows] == [{"verb": verb} for verb in expected]
    assert all(row.ran and row.result.code == 0 for row in rows)


def test_a_second_run_starts_nothing(tmp_path: Path, log: Path) -> None:
    results = Results(tmp_path / "out")
    first = _run(_plan("a"), results)
    count = len(_verbs(log))
    again = _run(_plan("a"), results)
    assert len(_verbs(log)) == count
    assert [row.result for row in again] == [row.result for row in first]
    assert {state for _, state in states(_plan("a"), results)} == {"done"}


@pytest.mark.parametrize("changed", ["tools", "device", "data", "option"])
def test_what_a_result_depends_on_makes_it_another(tmp_path: Path, log: Path, changed: str) -> None:
    results, plan = Results(tmp_path / "out"), _plan("a")
    _run(plan, results)
    before = len(_verbs(log))
    others = {
        "tools": replace(plan, tools={"edgeconv": "2"}),
        "device": replace(plan, devices={"local": "", "board": "overclocked"}),
        "data": replace(plan, eval=replace(plan.eval, depends={"data": "1" * 64})),  # type: ignore[type-var]
        "option": replace(plan, bench=Words(("--runs", "3"), {"runs": "3"})),
    }
    _run(others[changed], results)
    after = {"tools": 7, "device": 3, "data": 1, "option": 4}
    assert len(_verbs(log)) - before == after[changed]


def test_a_failure_is_a_row_with_its_reason_and_the_sweep_goes_on(
    tmp_path: Path, log: Path
) -> None:
    results = Results(tmp_path / "out")
    rows = _run(_plan("refused", "away", "b"), results)
    codes = [row.result.code for row in rows if row.cell.kind == "export"]
    assert codes == [4, 3, 0]
    assert [row.result.said for row in rows][:2] == ["what was wrong", "no device"]
    log.write_text("")
    _run(_plan("refused", "away", "b"), results)
    assert [json.loads(line)[1] for line in log.read_text().splitlines()] == ["away"]


@pytest.mark.parametrize(
    ("net", "limits", "code"),
    [("slow", Limits(seconds=1.0), OVER_TIME), ("large", Limits(memory_bytes=2**30), 1)],
)
def test_a_limit_ends_a_cell_alone(
    tmp_path: Path, log: Path, net: str, limits: Limits, code: int
) -> None:
    plan = replace(_plan(net, "b"), limits=limits)
    rows = _run(plan, Results(tmp_path / "out"))
    assert rows[0].result.code == code
    assert rows[0].result.said
    assert rows[-1].result.code == 0


@pytest.mark.parametrize("damage", ["", "{", '{"sweep_result": 2}', '{"sweep_result": 1}'])
def test_a_damaged_result_is_made_again(tmp_path: Path, log: Path, damage: str) -> None:
    results, plan = Results(tmp_path / "out"), _plan("a")
    _run(plan, results)
    (path,) = (tmp_path / "out" / "eval").iterdir()
    path.write_text(damage)
    log.write_text("")
    _run(plan, results)
    assert _verbs(log) == ["eval"]


def test_an_export_whose_bundle_is_gone_is_made_again(tmp_path: Path, log: Path) -> None:
    results, plan = Results(tmp_path / "out"), _plan("a")
    _run(plan, results)
    (bundle,) = (tmp_path / "out" / "bundles").iterdir()
    (bundle / "manifest.json").unlink()
    log.write_text("")
    _run(plan, results)
    assert _verbs(log) == ["export"]


def test_two_sweeps_do_not_share_a_folder(tmp_path: Path) -> None:
    results = Results(tmp_path / "out")
    with (
        results.locked(),
        pytest.raises(UnavailableError, match="another sweep is at work"),
        results.locked(),
    ):
        pass


KILLED = """
import sys
from pathlib import Path
from edgeconv import child
child.command = lambda _: [sys.executable, sys.argv[1]]
from tests.sweep.test_run import _plan, _run
from edgeconv.sweep.results import Results
_run(_plan("slow"), Results(Path(sys.argv[2])))
"""


def _ended(pids: Sequence[int]) -> bool:
    return not any(Path(f"/proc/{pid}/exe").exists() for pid in pids)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a child with its parent")
def test_a_cell_ends_with_its_sweep(tmp_path: Path, log: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path / "stand_in.py"), str(tmp_path / "out")]
    with subprocess.Popen(words, cwd=Path(__file__).parents[2]) as sweep:
        while not log.read_text():
            time.sleep(0.05)
        children = Path(f"/proc/{sweep.pid}/task/{sweep.pid}/children").read_text().split()
        pids = [int(one) for one in children]
        assert pids
        os.kill(sweep.pid, signal.SIGKILL)
        sweep.wait()
    while not _ended(pids):
        time.sleep(0.05)


def test_a_digest_tells_work_apart_and_nothing_else() -> None:
    cell = Cell("bench", "a", "local", ("x",), {"runs": "1"}, {"file": "0"}, "a")
    assert replace(cell, words=("y",), title="b").digest == cell.digest
    others = [
        replace(cell, kind="eval"),
        replace(cell, device="board"),
        replace(cell, options={"runs": "2"}),
        replace(cell, depends={"file": "1"}),
    ]
    assert len({one.digest for one in (cell, *others)}) == 5
