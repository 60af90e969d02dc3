"""The coverage benchmark judges what became of a row, and lets no child take the machine."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
REFUSED = "refused: TFLite cannot express it (head at nets/mine.py:12)"


@pytest.fixture(scope="module")
def module() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        patch.syspath_prepend(str(BENCHMARKS / "rows"))
        yield importlib.import_module


def of_net(sqnr_db: float = 30.0, error: float = 1e-6, missed: str = "", **peers: float) -> Any:
    """A row whose four files are there, and whose peers' int8 files have these SQNRs."""
    columns = ("onnx", "int8.onnx", "tflite", "int8.tflite")

    def file(db: float) -> dict[str, Any]:
        return {"figures": [{"error": error, "own_error": 1e-7, "sqnr_db": db}]}

    said = f"...\nerror: parity missed its threshold: {missed}\n" if missed else ""
    command = {"code": int(bool(missed)), "log": said}
    own = {
        "commands": dict.fromkeys(columns, command),
        "files": {column: file(sqnr_db) for column in columns},
    }
    told = {peer: {"files": {"int8.tflite": file(db)}} for peer, db in peers.items()}
    return {"edgeconv": own, **told}


def without_tflite(code: int | None, log: str, **peers: float) -> Any:
    row = of_net(**peers)
    for column in ("tflite", "int8.tflite"):
        del row["edgeconv"]["files"][column]
        row["edgeconv"]["commands"] |= {column: {"code": code, "log": log}}
    return row


def test_right_files_pass(module: Any) -> None:
    assert module("rows.verdicts").passes(of_net())


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (of_net(error=1e-2), "wrong"),
        (of_net(missed="int8.onnx; tflite (reference kernels)"), "missed"),
        (of_net(missed="int8.tflite; int8 operators"), "passes"),
        (without_tflite(4, REFUSED), "refused at a line"),
        (without_tflite(4, "refused: no such operator"), "refused"),
        (without_tflite(70, "edgeconv failed"), "traceback"),
        (without_tflite(1, "Traceback (most recent call last):\n"), "traceback"),
        (without_tflite(-11, ""), "traceback"),
        (without_tflite(None, ""), "hangs"),
    ],
)
def test_what_became_of_the_float_file(module: Any, row: Any, verdict: str) -> None:
    assert module("rows.verdicts").row_verdicts(row)["tflite"] == verdict


@pytest.mark.parametrize(
    ("sqnr_db", "peers", "verdict"),
    [
        (12.0, {"litert": 30.0}, "passes"),
        (6.0, {"litert": 9.0}, "wrong"),
        (6.0, {"litert": 5.0, "onnx2tf": 6.5}, "passes"),
        (6.0, {}, "passes"),
    ],
)
def test_int8_is_as_accurate_as_the_net_allows(
    module: Any, sqnr_db: float, peers: dict[str, float], verdict: str
) -> None:
    row = of_net(sqnr_db=sqnr_db, **peers)
    assert module("rows.verdicts").row_verdicts(row)["int8.tflite"] == verdict


@pytest.mark.parametrize(
    ("stage", "verdict"),
    [
        ("int8.tflite (reference kernels)", "passes"),
        ("int8 operators", "missed"),
        ("int8.onnx against int8.tflite", "missed"),
        ("tflite", "passes"),
    ],
)
def test_what_random_weights_allow_peers_say_what_operators_do_edgeconv(
    module: Any, stage: str, verdict: str
) -> None:
    row = of_net(sqnr_db=8.0, missed=stage, litert=8.0)
    assert module("rows.verdicts").row_verdicts(row)["int8.tflite"] == verdict


def test_rows_that_a_peer_alone_converts_are_named(module: Any) -> None:
    verdicts = module("rows.verdicts")
    assert verdicts.peer_alone(without_tflite(4, REFUSED, litert=20.0)) == ["litert int8.tflite"]
    assert verdicts.peer_alone(without_tflite(4, REFUSED, litert=-1.0)) == []
    assert verdicts.peer_alone(of_net(litert=20.0)) == []


def test_bounds_are_of_shares_and_of_bad_rows(module: Any) -> None:
    missed = module("rows.verdicts").missed_bounds
    nets = {f"net {number}": of_net() for number in range(20)}
    assert missed(nets, {}) == []
    assert missed(nets | {"one": without_tflite(4, REFUSED)}, {}) == []
    two = {name: without_tflite(4, REFUSED) for name in ("one", "two")}
    assert len(missed(nets | two, {})) == 1
    assert missed(nets | {"bad": of_net(error=1.0)}, {}) == ["wrong: bad"]


def test_outputs_are_found_in_any_order_and_layout(module: Any) -> None:
    check = module("check")
    draw = np.random.default_rng(0)
    exact = draw.standard_normal((2, 1, 3, 4, 5))
    found = [exact + 1, np.moveaxis(exact, 2, -1), draw.standard_normal((2, 1, 7))]
    place, values = check._nearest(found, exact)
    assert place == 1
    np.testing.assert_array_equal(values, exact)


def test_a_child_is_stopped_at_its_processor_seconds(module: Any, tmp_path: Path) -> None:
    limited = module("rows.limited")
    limits = limited.Limits(cpu_s=1, memory_gib=2)
    command = [sys.executable, "-c", "while True: pass"]
    ended = limited.limited(command, tmp_path / "log.txt", os.environ, limits)
    assert ended.code is None


def test_a_child_is_refused_memory_past_its_limit(module: Any, tmp_path: Path) -> None:
    limited = module("rows.limited")
    command = [sys.executable, "-c", "bytearray(4 << 30)"]
    ended = limited.limited(command, tmp_path / "log.txt", os.environ, limited.Limits(60, 2))
    assert ended.code == 1
    assert "MemoryError" in ended.log


@pytest.fixture(scope="module")
def warm(module: Any) -> Any:
    return module("rows.limited").Warm(Path(sys.executable), ["json"], os.environ)


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("import sys; assert 'json' in sys.modules; print(sys.argv[1:])", 0, "['one', '2']"),
        ("raise SystemExit('no such row')", 1, "no such row"),
        ("raise SystemExit(4)", 4, ""),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("bytearray(4 << 30)", 1, "MemoryError"),
        ("import os; os.abort()", -6, ""),
        ("while True: pass", None, ""),
    ],
)
def test_a_fork_ends_as_a_process_of_its_own(
    module: Any, warm: Any, tmp_path: Path, script: str, code: int | None, said: str
) -> None:
    (tmp_path / "script.py").write_text(script)
    limits = module("rows.limited").Limits(cpu_s=1, memory_gib=2)
    command = [tmp_path / "script.py", "one", 2]
    ended = warm.limited(command, tmp_path / "log.txt", limits)
    assert ended.code == code
    assert said in ended.log


def test_every_idiom_has_a_name_of_its_own_family(module: Any) -> None:
    idioms = module("idioms").IDIOMS
    assert len(idioms) >= 120
    assert all(name.count("/") == 1 for name in idioms)


def test_a_row_that_pytorch_cannot_run_is_told(module: Any) -> None:
    missed = module("rows.verdicts").missed_bounds({}, {"head/new": {"unbuilt": "no such layer"}})
    assert "cannot be built or run in PyTorch: head/new" in missed
