"""A sweep does each cell once, goes on where it was cut off, and keeps its limits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edgeconv.errors import UnavailableError
from edgeconv.sweep.cell import Cell
from edgeconv.sweep.plan import Plan, Words
from edgeconv.sweep.results import Results
from edgeconv.sweep.run import Row, run, states
from edgeconv.sweep.work import OVER_TIME, Limits
from tests.sweep.conftest import STAND_IN, entries, plan_of, verbs


def _run(plan: Plan, results: Results) -> list[Row]:
    return list(run(plan, results, lambda cell, through: None))


def test_each_net_is_exported_judged_and_measured_and_the_same_bytes_once(
    tmp_path: Path, log: Path
) -> None:
    rows = _run(plan_of("a", "b"), Results(tmp_path / "out"))
    # a: eval here, two files on both devices, parity on the board; b: its onnx has a's bytes.
    expected = ["export", "eval", "bench", "bench", "parity", "bench", "bench"]
    expected += ["export", "eval", "bench", "parity", "bench"]
    assert verbs(log) == expected
    assert [row.result.document for row in rows] == [{"verb": verb} for verb in expected]
    assert all(row.ran and row.result.code == 0 for row in rows)


def test_a_second_run_starts_nothing(tmp_path: Path, log: Path) -> None:
    results = Results(tmp_path / "out")
    first = _run(plan_of("a"), results)
    count = len(verbs(log))
    again = _run(plan_of("a"), results)
    assert len(verbs(log)) == count
    assert [row.result for row in again] == [row.result for row in first]
    assert {state for _, state in states(plan_of("a"), results)} == {"done"}


@pytest.mark.parametrize("changed", ["tools", "device", "data", "option"])
def test_what_a_result_depends_on_makes_it_another(tmp_path: Path, log: Path, changed: str) -> None:
    results, plan = Results(tmp_path / "out"), plan_of("a")
    _run(plan, results)
    before = len(verbs(log))
    others = {
        "tools": replace(plan, tools={"edgeconv": "2"}),
        "device": replace(plan, devices={"local": "", "board": "overclocked"}),
        "data": replace(plan, eval=replace(plan.eval, depends={"data": "1" * 64})),  # type: ignore[type-var]
        "option": replace(plan, bench=Words(("--runs", "3"), {"runs": "3"})),
    }
    _run(others[changed], results)
    after = {"tools": 7, "device": 3, "data": 1, "option": 4}
    assert len(verbs(log)) - before == after[changed]


def test_a_failure_is_a_row_with_its_reason_and_the_sweep_goes_on(
    tmp_path: Path, log: Path
) -> None:
    results = Results(tmp_path / "out")
    rows = _run(plan_of("refused", "away", "b"), results)
    codes = [row.result.code for row in rows if row.cell.kind == "export"]
    assert codes == [4, 3, 0]
    assert [row.result.said for row in rows][:2] == ["what was wrong", "no device"]
    log.write_text("")
    _run(plan_of("refused", "away", "b"), results)
    assert [entry["words"][1] for entry in entries(log)] == ["away"]


@pytest.mark.parametrize(
    ("net", "limits", "code"),
    [("slow", Limits(seconds=1.0), OVER_TIME), ("large", Limits(memory_bytes=2**30), 1)],
)
def test_a_limit_ends_a_cell_alone(
    tmp_path: Path, log: Path, net: str, limits: Limits, code: int
) -> None:
    plan = replace(plan_of(net, "b"), limits=limits)
    rows = _run(plan, Results(tmp_path / "out"))
    assert rows[0].result.code == code
    assert rows[0].result.said
    assert rows[-1].result.code == 0


@pytest.mark.parametrize("damage", ["", "{", '{"sweep_result": 2}', '{"sweep_result": 1}'])
def test_a_damaged_result_is_made_again(tmp_path: Path, log: Path, damage: str) -> None:
    results, plan = Results(tmp_path / "out"), plan_of("a")
    _run(plan, results)
    (path,) = (tmp_path / "out" / "eval").iterdir()
    path.write_text(damage)
    log.write_text("")
    _run(plan, results)
    assert verbs(log) == ["eval"]


def test_an_export_whose_bundle_is_gone_is_made_again(tmp_path: Path, log: Path) -> None:
    results, plan = Results(tmp_path / "out"), plan_of("a")
    _run(plan, results)
    (bundle,) = (tmp_path / "out" / "bundles").iterdir()
    (bundle / "manifest.json").unlink()
    log.write_text("")
    _run(plan, results)
    assert verbs(log) == ["export"]


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
from tests.sweep.conftest import plan_of, stood_in_for
child.command = stood_in_for(sys.argv[1])
from tests.sweep.test_run import _run
from edgeconv.sweep.results import Results
_run(plan_of("slow"), Results(Path(sys.argv[2])))
"""


def _ended(pids: Sequence[int]) -> bool:
    return not any(Path(f"/proc/{pid}/exe").exists() for pid in pids)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a child with its parent")
def test_a_cell_ends_with_its_sweep(tmp_path: Path, log: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(STAND_IN), str(tmp_path / "out")]
    with subprocess.Popen(words, cwd=Path(__file__).parents[2]) as sweep:
        while not log.read_text():
            assert sweep.poll() is None
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
