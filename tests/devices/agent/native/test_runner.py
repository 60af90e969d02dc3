"""The native agent computes what the Python agent does, speaks as it does, and trusts nobody."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edgeconv.devices.agent.conversation import Conversation
from edgeconv.devices.agent.native.build import ARCHITECTURES, build
from edgeconv.devices.agent.processes import time_side_by_side
from edgeconv.devices.agent.remote import RemoteMachine
from edgeconv.devices.state.probe import shell_facts
from edgeconv.devices.transport.local import LocalTransport
from edgeconv.errors import ArtifactRefused, UnavailableError, UsageError
from edgeconv.runtime import records
from edgeconv.runtime.agent import random_inputs
from edgeconv.runtime.host import host_facts
from edgeconv.runtime.open import open_session
from edgeconv.runtime.profiling.profile import profile
from edgeconv.runtime.requests import (
    FactsRequest,
    ProfileRequest,
    RunRequest,
    TimeRequest,
    to_line,
)
from edgeconv.runtime.results import read_profile, read_timed
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.machines.agents import converse
from tests.helpers.tiny_models import TinyNet

QUICK = TimingConfig(runs=5, warmup_seconds=0.05)
VERSION = "2.3.0"


@pytest.fixture(scope="module")
def runner() -> list[str]:
    """The command line of the agent compiled for this machine, on this machine's LiteRT."""
    architecture = platform.machine()
    if architecture not in ARCHITECTURES:
        pytest.skip(f"the native agent is not built for {architecture}")
    spec = find_spec("ai_edge_litert")
    assert spec is not None
    assert spec.origin is not None
    library = Path(spec.origin).parent / "libLiteRt.so"
    if not library.is_file():
        pytest.skip("this ai-edge-litert brings no libLiteRt.so")
    try:
        return [str(build(architecture)), str(library), VERSION]
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def models(tmp_path) -> dict[str, Path]:
    return TinyNet().write_all(tmp_path)


def answer(runner: list[str], line: bytes) -> tuple[int, dict]:
    """Exit code and last message for a line nobody would send; its standard input stays open."""
    pipe = subprocess.PIPE
    with subprocess.Popen(runner, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        process.stdin.write(line)
        process.stdin.flush()
        if not line.endswith(b"\n"):
            process.stdin.close()
        last = process.stdout.read().splitlines()[-1]
        return process.wait(timeout=60), json.loads(last)


@pytest.mark.parametrize("name", ["tflite", "int8.tflite"])
@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_are_those_of_the_python_agent_bit_for_bit(runner, models, tmp_path, name, threads):
    session = open_session(models[name])
    feeds = [random_inputs(session, seed) for seed in range(4)]
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    records.write(inputs, feeds)
    request = RunRequest(str(models[name]), str(inputs), str(outputs), len(feeds), threads)
    assert converse(runner, request, deadline_s=60)[-1]["count"] == 4
    assert outputs.read_bytes() == b"".join(
        a.tobytes() for feed in feeds for a in session.run(feed)
    )


def test_several_inputs_and_outputs_come_in_the_files_own_order(runner, tmp_path):
    """A subtraction, which tells its operands apart, and a sum, from TensorFlow's converter."""
    tensorflow = pytest.importorskip("tensorflow")
    shapes = [tensorflow.TensorSpec([1, 3], tensorflow.float32, name=n) for n in ("zeta", "alpha")]

    @tensorflow.function(input_signature=shapes)
    def net(zeta, alpha):
        return {"z": zeta - alpha, "a": tensorflow.reduce_sum(zeta * alpha, axis=1)}

    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions(
        [net.get_concrete_function()]
    )
    path = tmp_path / "two.tflite"
    path.write_bytes(converter.convert())
    session = open_session(path)
    feed = [np.float32([[1, 2, 3]]), np.float32([[10, 20, 30]])]
    records.write(tmp_path / "in", [feed])
    request = RunRequest(str(path), str(tmp_path / "in"), str(tmp_path / "out"), 1)
    converse(runner, request, deadline_s=60)
    wanted = b"".join(array.tobytes() for array in session.run(feed))
    assert (tmp_path / "out").read_bytes() == wanted
    assert len(wanted) == 16


def test_a_timed_file_is_understood_as_the_python_agents(runner, models):
    facts, timed = converse(
        runner, TimeRequest(str(models["int8.tflite"]), timing=QUICK), deadline_s=60
    )
    result = read_timed(timed)
    assert result.engine == "litert"
    assert len(result.timing.samples_ns) == 5
    assert result.instructions is None
    assert result.rss_peak_bytes >= result.rss_engine_bytes > 0
    assert facts["versions"]["ai-edge-litert"] == VERSION


def test_facts_are_those_python_finds_and_the_versions_in_use(runner):
    """The agent tells versions, the device's shell the others."""
    with LocalTransport() as transport:
        machine = RemoteMachine("here", transport, runner, facts=partial(shell_facts, transport))
        (told,) = machine.ask(FactsRequest(), deadline_s=60)
    mine = json.loads(json.dumps(asdict(host_facts())))
    assert set(mine) <= set(told)
    same = ("architecture", "cores", "usable_cores", "memory_mib")
    assert {key: told[key] for key in same} == {key: mine[key] for key in same}
    assert list(told["governors"]) == mine["governors"]
    assert told["system"].endswith(mine["system"])
    assert told["versions"] == {"glibc": platform.libc_ver()[1], "ai-edge-litert": VERSION}


def test_time_bounds_the_runs_where_no_number_is_asked_for(runner, models):
    timing = TimingConfig(seconds=0.01, least_runs=20, most_runs=30, warmup_seconds=0)
    _, timed = converse(runner, TimeRequest(str(models["tflite"]), timing=timing), deadline_s=60)
    assert 20 <= len(timed["timing"]["samples_ns"]) <= 30
    assert (timed["timing"]["warmup_runs"], timed["timing"]["steady"]) == (0, False)


@pytest.mark.parametrize("threads", [1, 2])
def test_side_by_side_with_others_it_takes_its_turns(runner, models, threads):
    """Turns shorter than a run have one each; "ready" does not get into the answer begun before."""
    with LocalTransport() as transport:
        machine = RemoteMachine("here", transport, runner)
        requests = {
            name: TimeRequest(str(models[name]), threads, timing=QUICK, turn_ms=1e-6)
            for name in ("tflite", "int8.tflite")
        }
        outcomes = time_side_by_side(machine, requests, deadline_s=60)
    assert {name: len(o.timing.samples_ns) for name, o in outcomes.items()} == {
        "tflite": 5,
        "int8.tflite": 5,
    }


@pytest.mark.parametrize(
    "timing", [QUICK, TimingConfig(seconds=1e-9, least_runs=5, warmup_seconds=0)]
)
def test_it_waits_before_each_turn_and_says_on_which_core(runner, models, timing):
    request = TimeRequest(str(models["tflite"]), timing=timing, turn_ms=1e-6)
    with Conversation(runner, request, deadline_s=60) as agent:
        told = [agent.hear(), *(agent.go() for _ in range(5))]
    assert [message["type"] for message in told] == ["ready"] * 5 + ["timed"]
    assert len({message["core"] for message in told[:-1]}) == 1


def test_it_ends_with_its_host_while_it_waits_for_its_turn(runner, models):
    request = TimeRequest(str(models["tflite"]), timing=QUICK, turn_ms=1)
    pipe = subprocess.PIPE
    with subprocess.Popen(runner, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        process.stdin.write(to_line(request))
        process.stdin.flush()
        while b"ready" not in process.stdout.readline():
            pass
        process.stdin.close()
        assert process.wait(timeout=120) == 3


def test_a_lenient_warm_up_ends_by_itself(runner, models):
    timing = TimingConfig(runs=1, window=2, window_spread=1e9, window_drift=1e9, warmup_seconds=60)
    _, timed = converse(runner, TimeRequest(str(models["tflite"]), timing=timing), deadline_s=60)
    assert (timed["timing"]["warmup_runs"], timed["timing"]["steady"]) == (4, True)


@pytest.mark.parametrize("name", ["tflite", "int8.tflite"])
def test_a_profile_is_that_of_the_python_agent(runner, models, name):
    """The same kernels in the same order, from the same library."""
    wanted = [one.kind for one in profile(models[name], 1, 2).operators]
    _, told = converse(runner, ProfileRequest(str(models[name]), runs=20), deadline_s=60)
    found = read_profile(told)
    assert found.engine == "litert"
    assert [one.kind for one in found.operators] == wanted


def test_files_that_are_none_are_refused(runner, models, tmp_path):
    (tmp_path / "noise.tflite").write_bytes(bytes(4) + b"TFL3" + b"\xff" * 5000)
    for path, error in (
        (tmp_path / "nothing.tflite", UsageError),
        (models["onnx"], ArtifactRefused),
        (tmp_path / "noise.tflite", ArtifactRefused),
        (tmp_path, UsageError),
    ):
        with pytest.raises(error, match=path.name):
            converse(runner, TimeRequest(str(path), timing=QUICK), deadline_s=60)


def test_records_of_another_size_are_refused_and_nothing_is_written(runner, models, tmp_path):
    (tmp_path / "in").write_bytes(bytes(100))
    request = RunRequest(str(models["tflite"]), str(tmp_path / "in"), str(tmp_path / "out"), 3)
    with pytest.raises(UsageError, match=f"{3 * 4 * 48} bytes that 3 records take"):
        converse(runner, request, deadline_s=60)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_told(runner, models, tmp_path):
    records.write(tmp_path / "in", [random_inputs(open_session(models["tflite"]), 0)])
    request = RunRequest(str(models["tflite"]), str(tmp_path / "in"), "/dev/full", 1)
    with pytest.raises(UnavailableError, match="No space left"):
        converse(runner, request, deadline_s=60)


def test_kernels_that_litert_lacks_there_are_not_replaced_by_others(runner, models):
    request = TimeRequest(str(models["tflite"]), kernels="reference", timing=QUICK)
    with pytest.raises(UnavailableError, match="no reference ones"):
        converse(runner, request, deadline_s=60)


def test_a_promised_counter_that_does_not_answer_is_an_error(runner, models):
    command = ["env", "EDGECONV_COUNTER=1", *runner]
    with pytest.raises(UnavailableError, match="nothing here counts instructions"):
        converse(command, TimeRequest(str(models["tflite"]), timing=QUICK), deadline_s=60)


VALID = json.loads(to_line(TimeRequest("x.tflite")))


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[" * 60000 + b"\n",
        b'{"a":' * 5000 + b"\n",
        b'{"edgeconv_agent": 1, "type": "time"',
        b'{"edgeconv_agent": 1, "type": "time"}\n',
        b'{"edgeconv_agent": 1, "type": "sing"}\n',
        b'{"edgeconv_agent": 2, "type": "facts"}\n',
        b'{"edgeconv_agent": 1, "type": "facts"} more\n',
        b'{"edgeconv_agent": 1, "type": "fa\0cts"}\n',
        b'{"edgeconv_agent": 1, "type": "facts", "x": "' + b"y" * 70000 + b'"}\n',
        b'{"edgeconv_agent": 1, "type": "facts", "y\\n": 1}\n',
        b'{"edgeconv_agent": 1, "type": "facts", "x": "\\q"}\n',
        b'{"edgeconv_agent": 1, "type": "facts", "x": "open\n',
        b'{"edgeconv_agent": 1, "type": "facts", "x": [' + b"1," * 500 + b"1]}\n",
        bytes(range(1, 256)) + b"\n",
        json.dumps(VALID | {"threads": 1e300}).encode() + b"\n",
        json.dumps(VALID | {"threads": "two"}).encode() + b"\n",
        json.dumps(VALID | {"cores": [-1]}).encode() + b"\n",
        json.dumps(VALID | {"type": "run", "count": 1}).encode() + b"\n",
    ],
)
def test_a_line_that_is_no_request_is_refused_not_believed(runner, line):
    code, told = answer(runner, line)
    assert (code, told["type"], told["error"]) == (2, "error", "UsageError")


def test_it_ends_with_its_host(runner, models):
    timing = TimingConfig(runs=1_000_000, warmup_seconds=600)
    with subprocess.Popen(
        runner, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        process.stdin.write(to_line(TimeRequest(str(models["tflite"]), timing=timing)))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["type"] == "facts"
        process.stdin.close()
        assert process.wait(timeout=300) == 3  # of the 600 it would warm up for
