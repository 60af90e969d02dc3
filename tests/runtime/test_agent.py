"""The measuring process: one request in, facts and figures out, nothing heavy imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edgeconv.runtime.messages import encode
from edgeconv.runtime.requests import TimeRequest, to_line
from edgeconv.runtime.results import read_timed
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.tiny_models import TinyNet

AGENT = [sys.executable, "-m", "edgeconv.runtime.agent"]
QUICK = TimingConfig(runs=5, warmup_seconds=0.05)


def ask(request: bytes, command: list[str] = AGENT) -> tuple[list[dict], int, str]:
    """Messages, exit status and standard error of an agent that was given one line."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdin.write(request)
        process.stdin.flush()
        out = process.stdout.read().decode()
        err = process.stderr.read().decode()
        code = process.wait(timeout=60)
    return [json.loads(line) for line in out.splitlines()], code, err


@pytest.mark.parametrize("artifact", ["int8.onnx", "int8.tflite"])
def test_a_file_is_timed_with_memory_and_facts(tmp_path, artifact):
    path = TinyNet().write_all(tmp_path)[artifact]
    messages, code, err = ask(to_line(TimeRequest(str(path), threads=2, timing=QUICK)))
    assert (code, err) == (0, "")
    facts, timed = messages
    assert facts["type"] == "facts"
    assert facts["cores"] >= facts["usable_cores"] >= 1
    assert "numpy" in facts["versions"]
    result = read_timed(timed)
    assert len(result.timing.samples_ns) == 5
    assert result.engine == ("onnxruntime" if artifact.endswith("onnx") else "litert")
    assert result.rss_peak_bytes > result.rss_engine_bytes > 0


@pytest.mark.parametrize("artifact", ["onnx", "tflite"])
def test_neither_torch_nor_onnx_nor_the_other_engine_is_imported(tmp_path, artifact):
    path = TinyNet().write_all(tmp_path)[artifact]
    script = (
        "import sys; from edgeconv.runtime import agent, requests; "
        f"agent.time_file(requests.TimeRequest({str(path)!r})); "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    other = "ai_edge_litert" if artifact == "onnx" else "onnxruntime"
    unwanted = {"torch", "onnx", "onnx_ir", "torchvision", "tensorflow", "PIL", "scipy", other}
    assert not imported & unwanted


@pytest.mark.parametrize("artifact", ["int8.onnx", "int8.tflite"])
@pytest.mark.parametrize("threads", [1, 2])
def test_in_turns_it_waits_for_each_go_and_then_gives_all_samples(tmp_path, artifact, threads):
    path = TinyNet().write_all(tmp_path)[artifact]
    timing = TimingConfig(runs=3, warmup_seconds=0.01)
    request = TimeRequest(str(path), threads, timing=timing, turn_ms=1e-6)
    with subprocess.Popen(AGENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(to_line(request))
        process.stdin.flush()
        told = [json.loads(process.stdout.readline()) for _ in range(2)]
        for _ in range(3):  # a run takes longer than a turn, so there is one in each
            assert told[-1]["type"] == "ready"
            assert (told[-1]["core"] is None) is (threads > 1)
            process.stdin.write(encode("go", {}))
            process.stdin.flush()
            told.append(json.loads(process.stdout.readline()))
        assert process.wait(timeout=60) == 0
    assert len(read_timed(told[-1]).timing.samples_ns) == 3


def test_it_ends_with_its_host_while_it_waits_for_its_turn(tmp_path):
    path = TinyNet().float_onnx(tmp_path / "m.onnx")
    request = TimeRequest(str(path), timing=QUICK, turn_ms=1)
    with subprocess.Popen(AGENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(to_line(request))
        process.stdin.flush()
        while b"ready" not in process.stdout.readline():
            pass
        process.stdin.close()
        assert process.wait(timeout=120) != 0


def test_a_refused_file_is_told_as_a_message_with_its_exit_code(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"nonsense")
    messages, code, _ = ask(to_line(TimeRequest(str(tmp_path / "broken.onnx"))))
    assert code == 4
    assert messages[-1]["type"] == "error"
    assert messages[-1]["error"] == "ArtifactRefused"
    assert "broken.onnx" in messages[-1]["message"]


def test_a_request_that_is_none_is_told_too():
    messages, code, _ = ask(b"hello\n")
    assert code == 2
    assert messages[0]["error"] == "UsageError"


def test_what_libraries_print_stays_out_of_the_answers(tmp_path):
    path = TinyNet().float_onnx(tmp_path / "m.onnx")
    script = (
        "import os, sys; from edgeconv.runtime import agent, host\n"
        "facts = agent.host_facts\n"
        "agent.host_facts = lambda: (os.write(1, b'chatter\\n'), print('more'), facts())[2]\n"
        "sys.exit(agent.main())"
    )
    request = to_line(TimeRequest(str(path), timing=QUICK))
    messages, code, err = ask(request, [sys.executable, "-c", script])
    assert code == 0
    assert [m["type"] for m in messages] == ["facts", "timed"]
    assert "chatter" in err


def test_the_agent_ends_when_its_host_is_gone(tmp_path):
    path = TinyNet().float_onnx(tmp_path / "m.onnx")
    slow = TimingConfig(seconds=600, most_runs=10**9, warmup_seconds=0)
    with subprocess.Popen(AGENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(to_line(TimeRequest(str(path), timing=slow)))
        process.stdin.flush()
        assert b"facts" in process.stdout.readline()
        process.stdin.close()
        process.wait(timeout=300)  # of the 600 it would measure for
    assert process.returncode != 0
