"""Google's benchmark_model is pushed, asked with its own flags, and believed in its own format."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgeconv.devices.bench.benchmark_model import benchmark
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.transport.local import LocalTransport
from edgeconv.errors import DeviceFailed
from edgeconv.runtime.timing import TimingConfig
from tests.cli.conftest import Run
from tests.cli.conftest import run as run
from tests.helpers.machines.benchmark_program import (
    MEAN,
    OPERATORS,
    RUNS,
    asked,
    statistics,
    write_program,
)
from tests.helpers.tiny_models import TinyNet

TWO = BenchConfig(threads=(1, 4), processes=2, timing=TimingConfig(runs=30, warmup_seconds=0.5))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return TinyNet().write_all(tmp_path)


@pytest.fixture
def transport():
    with LocalTransport() as opened:
        yield opened


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return write_program(tmp_path / "benchmark_model")


def test_every_litert_file_is_measured_in_processes_that_take_turns(transport, program, files):
    found = benchmark(transport, program, files, TWO)
    assert [(one.artifact, one.threads) for one in found] == [
        ("tflite", 1),
        ("tflite", 4),
        ("int8.tflite", 1),
        ("int8.tflite", 4),
    ]
    assert all([process.mean_ms for process in one.processes] == [MEAN, MEAN] for one in found)
    assert not any(one.operators for one in found)
    flags = asked(program)
    assert [one["num_threads"] for one in flags] == ["1", "4"] * 4
    assert len({one["graph"] for one in flags[:4]}) == 2
    assert {one["num_runs"] for one in flags} == {"30"}
    assert {one["min_secs"] for one in flags} == {"0"}
    assert {one["warmup_min_secs"] for one in flags} == {"0.5"}


def test_seconds_are_asked_for_where_no_number_of_runs_is(transport, program, files):
    config = BenchConfig(processes=1, timing=TimingConfig(seconds=2.5))
    benchmark(transport, program, {"tflite": files["tflite"]}, config)
    (flags,) = asked(program)
    assert (flags["num_runs"], flags["min_secs"]) == ("10", "2.5")


def test_a_profile_is_a_process_of_its_own_on_the_first_number_of_threads(
    transport, program, files
):
    one, four = benchmark(transport, program, {"t": files["tflite"]}, TWO, profiled=True)
    assert len(one.operators) == len(OPERATORS) - 1
    assert four.operators == ()
    profiled = [flags for flags in asked(program) if "enable_op_profiling" in flags]
    assert [flags["num_threads"] for flags in profiled] == ["1"]


@pytest.mark.skipif(sys.platform != "linux", reason="taskset is Linux's")
def test_cores_are_chosen_with_taskset(transport, files, tmp_path):
    says = "import os, sys; sys.stderr.write(str(sorted(os.sched_getaffinity(0)))); sys.exit(9)"
    program = tmp_path / "affinity"
    program.write_text(f"#!{sys.executable}\n{says}\n")
    config = BenchConfig(processes=1, cores=(0,))
    with pytest.raises(DeviceFailed, match=r"exit code 9: \[0\]"):
        benchmark(transport, program, {"t": files["tflite"]}, config)


@pytest.mark.parametrize(
    ("prints", "code", "says"),
    [
        ("ERROR: Failed to mmap model\n", 1, "exit code 1: ERROR: Failed to mmap model"),
        ("", 0, "told nothing"),
        ("hello\x1b[2J\n" * 10, 0, "no figures that can be understood"),
        (statistics().replace("avg=7454.97", "avg=1"), 0, "impossible statistics"),
        ("x" * (17 * 2**20), 0, "more than the"),
    ],
)
def test_what_fails_or_is_no_figure_is_told_as_that(transport, files, tmp_path, prints, code, says):
    program = write_program(tmp_path / "benchmark_model", prints, code)
    with pytest.raises(DeviceFailed, match=says.replace("(", r"\(")) as caught:
        benchmark(transport, program, {"t": files["tflite"]}, TWO)
    assert "\x1b" not in str(caught.value)
    assert len(asked(program)) == 1


def test_a_program_that_hangs_is_given_up(transport, files, tmp_path):
    program = tmp_path / "benchmark_model"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    with pytest.raises(DeviceFailed, match="did not end within 1 s"):
        benchmark(transport, program, {"t": files["tflite"]}, BenchConfig(deadline_s=1.0))


def test_what_cannot_be_executed_there_is_told(transport, files, tmp_path):
    """A program for another architecture, as the kernel sees it."""
    program = tmp_path / "benchmark_model"
    program.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(200))
    with pytest.raises(DeviceFailed, match="is the program built for the device"):
        benchmark(transport, program, {"t": files["tflite"]}, TWO)


QUICK = ("--processes", 1, "--runs", 2)


def test_its_figures_stand_beside_edgeconvs_and_say_whose_they_are(run: Run, files, program):
    words = ("model.tflite", "model.onnx", *QUICK, "--profile", "--benchmark-model", program)
    result = run("bench", *words)
    assert result.code == 0, result.err
    assert "as Google's benchmark_model tells" in result.out
    assert "it tells no single run" in result.out
    told = json.loads(run("bench", *words, "--json").out)
    assert len(told["results"]) == 2
    (found,) = told["benchmark_model"]
    assert (found["artifact"], found["processes"][0]["runs"]) == ("model.tflite", RUNS)
    assert len(found["operators"]) == len(OPERATORS) - 1


def test_without_one_nothing_changes(run: Run, files):
    result = run("bench", "model.tflite", *QUICK, "--json")
    assert json.loads(result.out)["benchmark_model"] == []
    assert "benchmark_model" not in run("bench", "model.tflite", *QUICK).out


def test_the_profile_of_a_device_may_name_it(run: Run, files, program, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own = tmp_path / "config" / "edgeconv" / "devices"
    own.mkdir(parents=True)
    (own / "here.toml").write_text(f'like = "local"\nbenchmark_model = "{program}"\n')
    result = run("bench", "model.tflite", "--device", "here", *QUICK)
    assert result.code == 0, result.err
    assert "as Google's benchmark_model tells" in result.out
    (own / "here.toml").write_text('like = "local"\nbenchmark_model = "/nowhere"\n')
    result = run("bench", "model.tflite", "--device", "here", *QUICK)
    assert result.code == 2
    assert "/nowhere is no file" in result.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("model.tflite", "--benchmark-model", "missing"), "missing is no file"),
        (("model.onnx", "--benchmark-model", "benchmark_model"), "there is none to bench"),
        (
            ("model.onnx", "--benchmark-model", "benchmark_model", "--device", "cuda"),
            "computes on a GPU",
        ),
        (
            (
                "model.tflite",
                "--benchmark-model",
                "benchmark_model",
                "--device",
                "android-emulated",
            ),
            "android-emulated is emulated",
        ),
    ],
)
def test_where_it_cannot_be_asked_that_is_wrong_usage_before_anything_runs(
    run: Run, files, program, words, says
):
    result = run("bench", *words)
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert not program.with_suffix(".asked").exists()
