"""Side by side, processes take turns, never run at once, and none is left, whatever they do."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from edgeconv.devices.agent import conversation
from edgeconv.devices.agent.conversation import Conversation
from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.agent.processes import time_side_by_side
from edgeconv.devices.agent.remote import RemoteMachine
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.run import bench
from edgeconv.devices.transport.local import LocalTransport
from edgeconv.devices.transport.ssh import SshTransport
from edgeconv.errors import ArtifactRefused, ConnectionLost, DeviceFailed, UsageError
from edgeconv.report import jsondoc
from edgeconv.runtime.requests import TimeRequest
from edgeconv.runtime.results import TimedResult
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.heard import Heard
from tests.helpers.machines.agents import RecordingMachine
from tests.helpers.processes import gone, running
from tests.helpers.tiny_models import TinyNet

#: An agent that takes as many turns as its file's name says, "a.3" three, and notes when it ran
#: and on which cores it was to run. What else its file's name says, it does at its second turn.
FAKE = """
import json, os, sys, time
request = json.loads(sys.stdin.readline())
name, turns, *deeds = request["path"].split("/")[-1].split(".")[:-1]
place = sys.argv[1]

def say(kind, **body):
    print(json.dumps({"edgeconv_agent": 1, "type": kind, **body}), flush=True)

def run():
    begun = time.monotonic_ns()
    time.sleep(0.002)
    with open(place + "/log", "a") as log:
        log.write(f"{name} {begun} {time.monotonic_ns()} {request['cores']}\\n")

run()
for turn in range(int(turns)):
    if turn == 1 and deeds == ["dies"]: sys.exit(7)
    if turn == 1 and deeds == ["hangs"]: time.sleep(600)
    if turn == 1 and deeds == ["floods"]:
        while True: os.write(1, b"x" * 65536)
    if deeds == ["refuses"]: say("error", error="ArtifactRefused", message=name + " is not taken")
    if deeds == ["rushes"]: break
    say("ready", core=request["cores"][0] if request["cores"] else 1)
    while deeds == ["insists"]: say("ready", core=1)
    if not sys.stdin.readline(): sys.exit(3)
    run()
samples = [5 + turn for turn in range(int(turns))]
quiet = {"temperatures_c": {}, "frequencies_mhz": []}
say("timed", engine="litert", import_ms=1, load_ms=1, rss_engine_bytes=1, rss_peak_bytes=2,
    timing={"first_ns": 1, "warmup_runs": 1, "steady": True, "samples_ns": samples},
    before=quiet, after=quiet, provider=request["provider"])
"""
QUICK = TimingConfig(runs=7, warmup_seconds=0.01)


@pytest.fixture
def machine(tmp_path: Path) -> LocalMachine:
    return LocalMachine([sys.executable, "-c", FAKE, str(tmp_path)])


def requests(*files: str, **options) -> dict[str, TimeRequest]:
    """Of files by what their agents do."""
    return {name: TimeRequest(f"{name}.tflite", turn_ms=1, **options) for name in files}


def log(tmp_path: Path) -> list[list[str]]:
    """Of every run in the order of their ends: who, begin, end, cores."""
    return [line.split(maxsplit=3) for line in (tmp_path / "log").read_text().splitlines()]


def test_starts_and_turns_follow_each_other_and_the_order_reverses(machine, tmp_path):
    time_side_by_side(machine, requests("a.3", "b.3", "c.3"), 60)
    runs = log(tmp_path)
    assert "".join(name for name, *_ in runs) == "abc" + "abc" + "cba" + "abc"
    for (_, _, end, _), (_, begin, _, _) in pairwise(runs):
        assert int(end) <= int(begin), "two ran at once"


def test_who_is_done_is_passed_over_and_every_sample_arrives(machine, tmp_path):
    outcomes = time_side_by_side(machine, requests("a.1", "b.4", "c.2"), 60)
    assert "".join(name for name, *_ in log(tmp_path)) == "abc" + "abc" + "cb" + "b" + "b"
    samples = {name: outcome.timing.samples_ns for name, outcome in outcomes.items()}
    assert samples == {"a.1": (5,), "b.4": (5, 6, 7, 8), "c.2": (5, 6)}
    assert gone(str(tmp_path))


def test_on_one_thread_all_join_the_first_on_its_core(machine, tmp_path):
    time_side_by_side(machine, requests("a.1", "b.1", "c.1"), 60)
    assert {name: cores for name, _, _, cores in log(tmp_path)} == {
        "a": "[]",
        "b": "[1]",
        "c": "[1]",
    }


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        ("dies", "exit status 7"),
        ("hangs", "within 6 s"),
        ("floods", "more than the 33554432 bytes"),
        ("insists", "did not wait for its turn"),
        ("rushes", "did not wait for its turn"),
    ],
)
@pytest.mark.parametrize("others", ["before", "after"])
def test_one_that_fails_is_named_and_takes_all_down(machine, tmp_path, deed, says, others):
    bad = f"bad.5.{deed}"
    files = ["a.9", "b.9", bad] if others == "before" else [bad, "a.9", "b.9"]
    with pytest.raises(DeviceFailed, match=rf"bad\.5\.{deed} on 1 thread\(s\): .*{says}"):
        time_side_by_side(machine, requests(*files), 6 if deed == "hangs" else 60)
    assert gone(str(tmp_path))


def test_one_that_asks_for_ever_more_turns_ends_at_its_deadline(machine, tmp_path):
    with pytest.raises(DeviceFailed, match=r"a\.999999 on 1 .* within 5 s"):
        time_side_by_side(machine, requests("a.999999", "b.1"), 5)
    assert gone(str(tmp_path))


def test_a_core_that_is_none_is_not_believed(tmp_path):
    lying = FAKE.replace('core=request["cores"][0] if request["cores"] else 1', 'core="x"')
    machine = LocalMachine([sys.executable, "-c", lying, str(tmp_path)])
    with pytest.raises(DeviceFailed, match=r"a\.1 .*nonsense"):
        time_side_by_side(machine, requests("a.1"), 60)


def test_a_file_refused_on_a_cpu_ends_it_all_before_the_first_turn(machine, tmp_path):
    with pytest.raises(ArtifactRefused, match="bad is not taken"):
        time_side_by_side(machine, requests("a.2", "bad.1.refuses", "c.2"), 60)
    assert "".join(name for name, *_ in log(tmp_path)) == "abad"
    assert gone(str(tmp_path))


def test_a_file_refused_by_a_gpu_leaves_the_others_their_turns(tmp_path):
    command = [sys.executable, "-c", FAKE, str(tmp_path)]
    machine = LocalMachine(command, name="cuda", provider="cuda")
    files = requests("a.2", "bad.1.refuses", "c.2", provider="cuda")
    outcomes = time_side_by_side(machine, files, 60)
    assert isinstance(outcomes["bad.1.refuses"], ArtifactRefused)
    assert all(isinstance(outcomes[name], TimedResult) for name in ("a.2", "c.2"))


def test_an_interrupt_leaves_no_process(machine, tmp_path, monkeypatch):
    take = conversation._Heard.take
    heard = []

    def interrupted(self, data: bytes) -> bool:
        heard.append(data)
        if len(heard) == 4:
            assert len(running(str(tmp_path))) == 2
            raise KeyboardInterrupt
        return take(self, data)

    monkeypatch.setattr(conversation._Heard, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        time_side_by_side(machine, requests("a.9", "b.9"), 60)
    assert gone(str(tmp_path))


def test_waiting_for_the_others_costs_nothing_of_the_deadline(monkeypatch, tmp_path):
    command = [sys.executable, "-c", FAKE, str(tmp_path)]
    request = TimeRequest("a.1.tflite", turn_ms=1)
    with Conversation(command, request, deadline_s=120) as agent:
        assert agent.hear()["type"] == "ready"
        monkeypatch.setattr(time, "monotonic", lambda real=time.monotonic: real() + 1000)
        assert agent.go()["type"] == "timed"


class Lost(LocalTransport):
    """A connection that is gone as soon as anything fails."""

    def is_intact(self) -> bool:
        return False


def test_a_lost_connection_is_told_from_a_failed_process(tmp_path):
    with Lost() as transport:
        machine = RemoteMachine("there", transport, [sys.executable, "-c", FAKE, str(tmp_path)])
        with pytest.raises(ConnectionLost, match=r"bad\.5\.dies on 1 thread"):
            time_side_by_side(machine, requests("a.9", "bad.5.dies"), 60)
    assert gone(str(tmp_path))


def test_one_ssh_connection_carries_as_many_as_are_allowed(board, tmp_path):
    names = [f"{letter}.2" for letter in "abcdefgh"]
    with SshTransport(board.profile()) as transport:
        machine = RemoteMachine("board", transport, [sys.executable, "-c", FAKE, str(tmp_path)])
        assert len(names) == machine.most_agents
        outcomes = time_side_by_side(machine, requests(*names), 60)
        transport.run(["true"])
    assert [len(outcomes[name].timing.samples_ns) for name in names] == [2] * 8
    assert "".join(name for name, *_ in log(tmp_path)) == "abcdefgh" * 2 + "hgfedcba"
    assert gone(str(tmp_path))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    return TinyNet().write_all(tmp_path_factory.mktemp("tiny"))


def chosen(files: dict[str, Path], names: Sequence[str]) -> dict[str, Path]:
    return {name: files[name] for name in names}


@pytest.mark.parametrize("asked", [True, None])
def test_a_bench_side_by_side_is_a_whole_one(files, asked):
    machine, heard = RecordingMachine(), Heard()
    config = BenchConfig(
        threads=(1, 2), processes=2, timing=QUICK, side_by_side=asked, turn_ms=0.01
    )
    paths = chosen(files, ("onnx", "int8.tflite", "tflite"))
    report = bench(machine, paths, config, heard)
    assert [(r.artifact.name, r.threads) for r in report.results] == [
        (name, threads) for name in paths for threads in (1, 2)
    ]
    for result in report.results:
        assert [len(p.timing.samples_ns) for p in result.processes] == [7, 7]
        assert result.engine == ("onnxruntime" if "onnx" in result.artifact.name else "litert")
    assert [total for _, total in heard.steps] == [12]
    assert heard.done == [3, 6, 9, 12]
    once = [(path.name, threads) for threads in (1, 2) for path in paths.values()]
    assert machine.timed[:6] == once
    assert machine.timed[6:] == [
        (path.name, threads) for threads in (1, 2) for path in reversed(paths.values())
    ], "starts reverse too"
    document = jsondoc.plain_json(report)
    assert document["config"]["side_by_side"] is True


def test_a_broken_file_is_refused_by_name(files, tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"nonsense" * 10)
    paths = {"good": files["tflite"], "broken": tmp_path / "broken.tflite"}
    with pytest.raises(ArtifactRefused, match=r"broken\.tflite"):
        bench(LocalMachine(), paths, BenchConfig(processes=1, timing=QUICK, side_by_side=True))


def test_seconds_are_those_of_the_runs_and_not_of_the_waiting(files):
    timing = TimingConfig(seconds=0.05, least_runs=1, most_runs=10**6, warmup_seconds=0.01)
    config = BenchConfig(processes=1, timing=timing, side_by_side=True, turn_ms=5)
    report = bench(LocalMachine(), chosen(files, ("tflite", "onnx")), config)
    for result in report.results:
        taken = result.processes[0].timing.samples_ns
        assert sum(taken[:-1]) < 0.05e9 <= sum(taken)


class Emulated(LocalMachine):
    emulated = True


class Narrow(LocalMachine):
    most_agents = 2


@pytest.mark.parametrize(
    ("machine", "names", "says"),
    [
        (Emulated(), ("tflite", "onnx"), "counted"),
        (Narrow(), ("tflite", "onnx", "int8.onnx"), "3 files are too many"),
        (LocalMachine(), ("tflite",), "no other"),
    ],
)
def test_what_cannot_be_side_by_side_is_wrong_usage(files, machine, names, says):
    config = BenchConfig(processes=1, timing=QUICK, side_by_side=True)
    with pytest.raises(UsageError, match=says):
        bench(machine, chosen(files, names), config)


def test_where_nobody_insists_too_many_files_go_one_by_one_and_that_is_told(files):
    config = BenchConfig(processes=1, timing=QUICK, side_by_side=None)
    heard = Heard()
    paths = chosen(files, ("tflite", "onnx", "int8.onnx"))
    report = bench(Narrow(), paths, config, heard)
    assert [w for w in report.warnings if "one by one" in w] == heard.warnings[:1]
    assert "3 files are too many" in heard.warnings[0]
    assert report.config.side_by_side is False


def test_one_file_where_nobody_insists_is_measured_alone_without_a_word(files):
    config = BenchConfig(processes=1, timing=QUICK, side_by_side=None)
    report = bench(LocalMachine(), chosen(files, ("tflite",)), config)
    assert report.config.side_by_side is False
    assert not any("one by one" in warning for warning in report.warnings)


@pytest.mark.parametrize("turn_ms", [0, -1, float("nan"), 1e9])
def test_turns_that_cannot_be_are_wrong_usage(files, turn_ms):
    with pytest.raises(UsageError, match="turn"):
        bench(LocalMachine(), chosen(files, ("tflite",)), BenchConfig(turn_ms=turn_ms))
