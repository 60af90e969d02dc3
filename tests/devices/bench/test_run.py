"""Benching on this machine: interleaved fresh processes, whole results, files named in errors."""

from __future__ import annotations

import hashlib
import sys

import pytest

from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.report import significant
from edgeconv.devices.bench.run import bench
from edgeconv.devices.state import preflight
from edgeconv.errors import ArtifactRefused, DeviceFailed, UsageError
from edgeconv.report import jsondoc
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.heard import Heard
from tests.helpers.machines.agents import RecordingMachine
from tests.helpers.tiny_models import TinyNet

QUICK = TimingConfig(runs=5, warmup_seconds=0.05)
#: An agent that tells facts when asked for them, and otherwise goes on with what follows.
FACTS = (
    "import sys\n"
    "if '\"facts\"' in sys.stdin.readline():\n"
    '    print(\'{"edgeconv_agent": 1, "type": "facts"}\'); sys.exit()\n'
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return TinyNet().write_all(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def machine():
    return RecordingMachine()


@pytest.fixture(scope="module")
def heard():
    return Heard()


@pytest.fixture(scope="module")
def report(files, machine, heard):
    config = BenchConfig(threads=(1, 2), processes=2, timing=QUICK, side_by_side=False)
    chosen = {name: files[name] for name in ("int8.onnx", "int8.tflite")}
    return bench(machine, chosen, config, heard)


def test_there_is_a_result_for_each_file_and_number_of_threads(report):
    measured = [(r.artifact.name, r.engine, r.threads) for r in report.results]
    assert measured == [
        ("int8.onnx", "onnxruntime", 1),
        ("int8.onnx", "onnxruntime", 2),
        ("int8.tflite", "litert", 1),
        ("int8.tflite", "litert", 2),
    ]


def test_every_process_keeps_its_samples(report):
    for result in report.results:
        assert [len(p.timing.samples_ns) for p in result.processes] == [5, 5]
        assert (result.latency.runs, result.latency.processes) == (10, 2)
        assert result.peak_rss_mib > result.model_rss_mib > 0


def test_processes_of_different_files_alternate(report, machine, heard):
    assert [total for _, total in heard.steps] == [8]
    assert heard.done == list(range(1, 9))
    assert machine.timed[:4] == machine.timed[4:]
    assert len(set(machine.timed)) == 4


def test_warnings_come_before_the_first_process(files, monkeypatch):
    told = []

    class Telling(Heard):
        def step(self, title, total=None):
            told.append("measuring")

        def warn(self, message):
            told.append(message)

    monkeypatch.setattr(preflight, "warnings", lambda facts, threads: ("it is hot",))
    report = bench(
        LocalMachine(),
        {"tiny": files["onnx"]},
        BenchConfig(processes=1, timing=QUICK),
        Telling(),
    )
    assert told == ["it is hot", "measuring"]
    assert report.warnings == ("it is hot",)


def test_the_document_holds_host_hashes_and_every_sample(report, files):
    document = jsondoc.plain_json(report)
    digest = hashlib.sha256(files["int8.onnx"].read_bytes()).hexdigest()
    first = document["results"][0]
    assert first["artifact"]["sha256"] == digest
    assert len(first["processes"][1]["timing"]["samples_ns"]) == 5
    assert document["host"]["versions"]["onnxruntime"]
    assert document["config"]["processes"] == 2


def test_the_table_has_a_cell_for_every_column(report):
    assert {len(row) for row in report.rows()} == {len(report.columns)}


def test_a_broken_file_is_refused_by_name(tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"nonsense" * 10)
    with pytest.raises(ArtifactRefused, match=r"broken\.tflite"):
        bench(LocalMachine(), {"broken": tmp_path / "broken.tflite"}, BenchConfig(processes=1))


@pytest.mark.parametrize(
    ("script", "deadline_s", "match"),
    [
        ("raise SystemExit(5)", 120, "exit status 5"),
        ('print(\'{"edgeconv_agent": 1, "type": "timed"}\')', 120, "nonsense"),
        ("import time; time.sleep(600)", 2, "within 2 s"),
    ],
)
def test_a_failing_process_is_named_with_its_file(files, script, deadline_s, match):
    with pytest.raises(DeviceFailed, match=rf"tiny on 1 thread\(s\): .*{match}"):
        bench(
            LocalMachine([sys.executable, "-c", FACTS + script]),
            {"tiny": files["onnx"]},
            BenchConfig(processes=1, deadline_s=deadline_s),
        )


def test_the_working_directory_is_not_imported_from(files, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('this is not numpy')")
    monkeypatch.chdir(tmp_path)
    config = BenchConfig(processes=1, timing=QUICK)
    assert bench(LocalMachine(), {"tiny": files["onnx"]}, config).results


@pytest.mark.parametrize(
    "config",
    [
        BenchConfig(threads=()),
        BenchConfig(threads=(0,)),
        BenchConfig(threads=(1, 1)),
        BenchConfig(threads=(10**6,)),
        BenchConfig(processes=0),
        BenchConfig(deadline_s=0),
    ],
)
def test_configurations_that_cannot_be_are_wrong_usage(files, config):
    with pytest.raises(UsageError):
        bench(LocalMachine(), {"tiny": files["onnx"]}, config)


def test_nothing_to_bench_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError):
        bench(LocalMachine(), {})
    with pytest.raises(UsageError, match="no such file"):
        bench(LocalMachine(), {"gone": tmp_path / "gone.onnx"})


def test_figures_are_written_without_exponents():
    written = [significant(v) for v in (1234.5, 12.345, 1.2345, 0.01234)]
    assert written == ["1234", "12.3", "1.23", "0.012"]
