"""The benchmarks' own instruments: what they measure is what happened."""

from __future__ import annotations

import importlib
import os
import statistics
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
HOLD_64_MIB = "held = bytearray(64 << 20); print(flush=True); input()"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a helper of the benchmarks as they do: by name, from their own folder."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    return load


def test_peak_memory_is_the_process_s_own(module: Any, tmp_path: Path) -> None:
    """Measured from a small process: the kernel counts a parent's memory at the fork."""
    measure = (
        "import sys; from pathlib import Path; from _process import run\n"
        "for code in ('pass', 'held = bytearray(256 << 20)'):\n"
        "    print(run([sys.executable, '-c', code], Path(sys.argv[1])).peak_mib)\n"
    )
    place = Path(str(module("_process").__file__)).parent
    result = subprocess.run(
        [sys.executable, "-c", measure, str(tmp_path / "log.txt")],
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=True,
    )
    small, large = map(float, result.stdout.split())
    assert large > small + 200


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_that_run_at_once_add_up(module: Any, tmp_path: Path) -> None:
    start_two = (
        "import subprocess, sys, time\n"
        f"child, pipe = [sys.executable, '-c', {HOLD_64_MIB!r}], subprocess.PIPE\n"
        "both = [subprocess.Popen(child, stdin=pipe, stdout=pipe) for _ in range(2)]\n"
        "for process in both: process.stdout.readline()\n"
        "time.sleep(0.5)\n"
        "for process in both: process.communicate(b'\\n')"
    )
    cost = module("_process").run([sys.executable, "-c", start_two], tmp_path / "log.txt")
    assert cost.peak_mib > 128


def test_a_command_that_fails_ends_the_benchmark_with_its_output(
    module: Any, tmp_path: Path
) -> None:
    failing = [sys.executable, "-c", "print('no such photo'); raise SystemExit(3)"]
    with pytest.raises(SystemExit, match=r"(?s)no such photo.*exit 3"):
        module("_process").run(failing, tmp_path / "log.txt")


def test_an_interval_holds_its_median_and_narrows_with_more_values(module: Any) -> None:
    median_interval = module("_intervals").median_interval
    few = [1.0, 1.1, 0.9, 1.3, 0.8, 1.2, 1.05]
    many = few * 10
    narrow, wide = median_interval(many), median_interval(few)
    assert wide.median == narrow.median == statistics.median(few)
    assert wide.low <= narrow.low <= narrow.median <= narrow.high <= wide.high
    assert narrow.high - narrow.low < wide.high - wide.low


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1.00, 1.01, 0.99] * 5, "kept"),
        ([1.10, 1.11, 1.09] * 5, "MISSED"),
        ([0.90, 1.04, 1.05] * 3, "undecided"),
        ([0.98, 1.00, 1.04] * 3, "undecided"),
    ],
)
def test_a_limit_is_kept_or_missed_only_where_the_whole_interval_says_so(
    module: Any, values: list[float], says: str
) -> None:
    interval = module("_intervals").median_interval(values)
    assert module("latency").verdict(interval, 1.02) == says


def test_ratios_pair_the_turns_of_a_round_and_then_take_the_rounds(module: Any) -> None:
    rounds = [
        {"edgeconv": [1.0, 9.0, 1.0], "other": [2.0, 18.0, 1.0]},  # half, in a slow turn too
        {"edgeconv": [8.0, 8.0, 8.0], "other": [16.0, 16.0, 16.0]},
    ]
    found = module("latency").ratios(rounds)
    assert set(found) == {"other"}
    assert (found["other"].low, found["other"].median, found["other"].high) == (0.5, 0.5, 0.5)


def test_kept_rows_compare_the_tools_that_made_a_file(module: Any, tmp_path: Path) -> None:
    for name in ("edgeconv/model.tflite", "edgeconv/model.int8.tflite", "litert/model.tflite"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "onnx2tf").mkdir()
    found = module("latency").kept_files(tmp_path)
    assert {precision: set(files) for precision, files in found.items()} == {
        "float": {"edgeconv", "litert-torch"},
        "int8": {"edgeconv"},
    }


def test_every_pinned_environment_file_pins_every_package(module: Any) -> None:
    environment = module("environment")
    for name in environment.NAMES:
        lines = environment.requirements(name).read_text().splitlines()
        packages = [line for line in lines if not line.startswith("#")]
        assert packages
        assert all(line.count("==") == 1 for line in packages)
