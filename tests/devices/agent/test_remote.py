"""Sessions and benches through a transport give what they give without one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgeconv.devices.agent import payload
from edgeconv.devices.agent.local import LocalMachine, agent_command
from edgeconv.devices.agent.remote import RemoteMachine
from edgeconv.devices.agent.session import DeviceSession, opener
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.run import bench
from edgeconv.devices.transport.local import LocalTransport
from edgeconv.errors import ArtifactRefused, ConnectionLost, DeviceFailed, DeviceSilent, UsageError
from edgeconv.runtime.adapt import Images, run_logits
from edgeconv.runtime.feeds import random_inputs
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.tiny_models import TinyNet, photos


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return TinyNet().write_all(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def transport():
    with LocalTransport() as opened:
        yield opened


@pytest.fixture
def agent(tmp_path):
    """The agent as it is pushed, with this machine's engines."""
    payload.write_agent(tmp_path / "agent.pyz")
    engines = Path(np.__file__).resolve().parents[1]
    return [sys.executable, "-I", str(tmp_path / "agent.pyz"), str(engines)]


@pytest.mark.parametrize("artifact", ["onnx", "tflite", "int8.onnx", "int8.tflite"])
def test_outputs_are_those_of_a_session_here(files, transport, agent, artifact):
    machine = RemoteMachine("there", transport, agent)
    here = open_session(files[artifact])
    feeds = [random_inputs(here, seed) for seed in range(3)]
    there = DeviceSession(machine, files[artifact], SessionOptions())
    for feed, outputs in zip(feeds, there.run_many(feeds), strict=True):
        for a, b in zip(here.run(feed), outputs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_records_do_not_stay_on_the_device(files, transport, agent):
    session = DeviceSession(
        RemoteMachine("there", transport, agent), files["onnx"], SessionOptions()
    )
    session.run(random_inputs(session, 0))
    assert sorted(p.name for p in Path(transport.root).iterdir()) == ["files", "runs"]
    assert list((Path(transport.root) / "runs").iterdir()) == []


def test_a_bench_through_a_transport_keeps_every_sample(files, transport, agent):
    config = BenchConfig(processes=2, timing=TimingConfig(runs=4, warmup_seconds=0.01))
    report = bench(RemoteMachine("there", transport, agent), {"tiny": files["tflite"]}, config)
    assert report.device == "there"
    assert [len(p.timing.samples_ns) for p in report.results[0].processes] == [4, 4]


def test_side_by_side_through_a_transport_keeps_every_sample(files, transport, agent):
    timing = TimingConfig(runs=4, warmup_seconds=0.01)
    config = BenchConfig(processes=2, timing=timing, side_by_side=True, turn_ms=0.01)
    chosen = {name: files[name] for name in ("tflite", "int8.onnx")}
    report = bench(RemoteMachine("there", transport, agent), chosen, config)
    for result in report.results:
        assert [len(p.timing.samples_ns) for p in result.processes] == [4, 4]


def test_cores_that_are_not_there_are_wrong_usage(files):
    config = BenchConfig(cores=(1000,), processes=1)
    with pytest.raises(UsageError, match="cores 1000 cannot be had"):
        bench(LocalMachine(), {"tiny": files["tflite"]}, config)


class Broken(LocalTransport):
    """Loses the connection before each of the first pushes of records, or for good."""

    def __init__(self, losses):
        super().__init__()
        self.losses = losses
        self.attempts = 0

    def push(self, local, remote):
        if "/runs/" in remote:
            self.attempts += 1
            if self.attempts <= self.losses:
                raise ConnectionLost("the cable was pulled")
        super().push(local, remote)


def test_a_batch_is_sent_again_after_a_lost_connection_and_none_is_lost(files):
    with Broken(losses=2) as transport:
        machine = RemoteMachine("there", transport, agent_command())
        session = opener(machine, pauses_s=(0, 0, 0))(files["tflite"], SessionOptions())
        taken = Images(photos(5))
        logits = run_logits(session, taken)
        np.testing.assert_array_equal(logits, run_logits(open_session(files["tflite"]), taken))
        assert transport.attempts == 3


def test_a_connection_that_stays_lost_is_said(files):
    with Broken(losses=100) as transport:
        machine = RemoteMachine("there", transport, agent_command())
        session = opener(machine, pauses_s=(0,))(files["tflite"], SessionOptions())
        with pytest.raises(ConnectionLost, match="cable"):
            session.run(random_inputs(session, 0))
        assert transport.attempts == 2


def test_a_device_that_stands_still_is_not_tried_again(files):
    class Frozen(Broken):
        def push(self, local, remote):
            try:
                super().push(local, remote)
            except ConnectionLost:
                raise DeviceSilent("it does not answer") from None

    with Frozen(losses=100) as transport:
        machine = RemoteMachine("there", transport, agent_command())
        session = opener(machine, pauses_s=(0, 0))(files["tflite"], SessionOptions())
        with pytest.raises(DeviceSilent, match="does not answer"):
            session.run(random_inputs(session, 0))
        assert transport.attempts == 1


def lying_agent(answer):
    """Answers whatever it is asked with one line, and writes an output of the wrong size."""
    script = (
        "import json, sys\n"
        "request = json.loads(sys.stdin.readline())\n"
        "open(request['outputs'], 'wb').write(b'short')\n"
        f"print({answer!r})"
    )
    return [sys.executable, "-c", script]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ('{"edgeconv_agent": 1, "type": "ran", "count": 1}', DeviceFailed),
        ('{"edgeconv_agent": 1, "type": "error", "error": "ArtifactRefused"}', ArtifactRefused),
        ('{"edgeconv_agent": 1, "type": "error", "error": "SystemExit"}', DeviceFailed),
        ("garbage", DeviceFailed),
    ],
)
def test_a_device_that_lies_gives_no_result(files, transport, answer, error):
    session = DeviceSession(
        RemoteMachine("there", transport, lying_agent(answer)), files["tflite"], SessionOptions()
    )
    with pytest.raises(error):
        session.run(random_inputs(session, 0))


def test_the_agent_and_the_engines_have_the_same_bytes_whenever_they_are_packed(tmp_path):
    for name in ("a.pyz", "b.pyz"):
        payload.write_agent(tmp_path / name)
    assert (tmp_path / "a.pyz").read_bytes() == (tmp_path / "b.pyz").read_bytes()
