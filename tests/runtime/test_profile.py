"""A profile names every operator that runs, and reads back only as one."""

from __future__ import annotations

from dataclasses import asdict

import onnx
import pytest
from scipy.stats import trim_mean

from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.run import profile as profile_on
from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.runtime.profiling import litert as profile_litert
from edgeconv.runtime.profiling import ort as profile_ort
from edgeconv.runtime.profiling.profile import WARMUP_RUNS, profile, typical
from edgeconv.runtime.results import read_profile
from tests.helpers.mutations import refuses_or_reads
from tests.helpers.tiny_models import TinyNet


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return TinyNet().write_all(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize(
    ("artifact", "kinds"),
    [
        ("onnx", {"Conv", "Flatten"}),
        ("tflite", {"Convolution (NHWC, F32) IGEMM"}),
        ("int8.tflite", {"Convolution (NHWC, QC8) IGEMM"}),
    ],
)
def test_the_operators_of_the_net_are_there(files, artifact, kinds):
    found = profile(files[artifact], threads=1, runs=3)
    assert kinds <= set(found.by_kind())
    assert found.total_ms == pytest.approx(sum(ms for _, ms in found.by_kind().values()))
    assert all(operator.ms >= 0 for operator in found.operators)


def test_onnxruntime_names_its_nodes(files):
    assert all(operator.name for operator in profile(files["onnx"], 1, 2).operators)


def test_one_run_that_was_interrupted_does_not_move_an_operators_time():
    assert typical([50] * 25 + [51] * 24 + [140_000]) == pytest.approx(50.5)
    for count in (1, 2, 3, 7, 50):
        took = list(range(count, 0, -1))
        assert typical(took) == pytest.approx(trim_mean(took, 0.25))


def test_litert_leaves_an_interrupted_run_out(files, monkeypatch):
    took = [[("Conv", 50)]] * 9 + [[("Conv", 140_000)]]
    monkeypatch.setattr(profile_litert._Profiled, "runs", lambda *_: took)
    (found,) = profile(files["tflite"], 1, 10).operators
    assert found.ms == pytest.approx(0.05)


def test_onnxruntime_leaves_an_interrupted_run_out(files, monkeypatch):
    took = [50] * (WARMUP_RUNS + 9) + [140_000]
    events = [
        {"cat": "Node", "name": "c_kernel_time", "args": {"op_name": "Conv"}, "dur": us}
        for us in took
    ]
    monkeypatch.setattr(profile_ort, "_events", lambda _: events)
    (found,) = profile(files["onnx"], 1, 10).operators
    assert found.ms == pytest.approx(0.05)


def test_an_agent_profiles_in_a_process_of_its_own(files):
    found = profile_on(LocalMachine(), {"tiny": files["tflite"]}, BenchConfig())
    assert found["tiny"].engine == "litert"
    assert found["tiny"].operators


def test_a_broken_file_is_refused(tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"nonsense")
    with pytest.raises(ArtifactRefused):
        profile(tmp_path / "broken.tflite", 1, 1)


def test_an_emulated_device_has_no_profile(files):
    machine = LocalMachine()
    machine.emulated = True
    with pytest.raises(UsageError, match="emulated"):
        profile_on(machine, {"tiny": files["tflite"]}, BenchConfig())


GOOD = {"engine": "litert", "operators": [{"name": "", "kind": "Conv", "ms": 1.5}]}


def test_a_profile_survives_the_way_back():
    assert read_profile(asdict(read_profile(GOOD))) == read_profile(GOOD)


@pytest.mark.parametrize(
    "change",
    [
        {"operators": []},
        {"operators": None},
        {"operators": [{"kind": "Conv"}]},
        {"operators": [{"name": "", "kind": "Conv", "ms": -1}]},
        {"operators": [{"name": "", "kind": "Conv", "ms": "fast"}]},
        {"engine": []},
    ],
)
def test_impossible_profiles_are_refused(change):
    with pytest.raises(ValueError, match=r"."):
        read_profile({**GOOD, **change})


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "two\nlines", "\x1b[2J", "ü" * 300_000])
def test_a_node_of_any_name_is_profiled_or_the_file_refused(tmp_path, name):
    """onnxruntime writes names into its JSON as they are."""
    path = TinyNet().float_onnx(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.graph.node[0].name = name
    onnx.save(model, path)
    refuses_or_reads(lambda: profile(path, threads=1, runs=1), ArtifactRefused)
