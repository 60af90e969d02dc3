"""Whatever the measuring process does, the host gets a whole result or a clear error, in time."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from edgeconv.devices.agent import conversation
from edgeconv.errors import (
    ArtifactRefused,
    DeviceFailed,
    DeviceUnreachable,
    EngineCrashed,
    UnavailableError,
    UsageError,
)
from edgeconv.runtime.requests import TimeRequest
from tests.helpers import processes
from tests.helpers.machines.agents import converse

REQUEST = TimeRequest("m.onnx")
TIMED = '{"edgeconv_agent": 1, "type": "timed", "n": 1}'


def fake(script: str) -> list[str]:
    """An agent that runs `script` instead of measuring."""
    return [sys.executable, "-c", f"import os, sys, time\n{script}"]


def failure(script: str, deadline_s: float = 120) -> str:
    with pytest.raises(DeviceFailed) as caught:
        converse(fake(script), REQUEST, deadline_s=deadline_s)
    return str(caught.value)


def test_the_request_arrives_and_messages_come_back_in_order():
    script = (
        "assert 'm.onnx' in sys.stdin.readline()\n"
        'print(\'{"edgeconv_agent": 1, "type": "facts"}\')\n'
        f"print('{TIMED}')"
    )
    messages = converse(fake(script), REQUEST, deadline_s=120)
    assert [m["type"] for m in messages] == ["facts", "timed"]


def test_a_login_banner_and_other_noise_are_passed_over():
    script = f"print('Welcome!\\n{{\"a\": 1}}\\n\\x00\\xff'); print('{TIMED}')"
    assert len(converse(fake(script), REQUEST, deadline_s=120)) == 1


def test_standard_input_stays_open_until_the_answer():
    script = (
        "import selectors\nos.read(0, 65536)\n"
        "s = selectors.DefaultSelector(); s.register(0, selectors.EVENT_READ)\n"
        "assert not s.select(0.3)\n"
        f"print('{TIMED}')"
    )
    assert converse(fake(script), REQUEST, deadline_s=120)


def test_a_process_that_hangs_is_killed_at_its_deadline(tmp_path):
    start = time.monotonic()
    assert "within 1 s" in failure(f"time.sleep(600)  # {tmp_path}", deadline_s=1)
    assert time.monotonic() - start < 3000
    assert processes.gone(str(tmp_path))


def test_a_process_that_closes_its_output_and_hangs_is_killed(tmp_path):
    pid_file = tmp_path / "pid"
    script = (
        f"open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n"
        "os.close(1); os.close(2); time.sleep(600)"
    )
    assert "SIGKILL" in failure(script)
    assert gone(int(pid_file.read_text()))


def test_children_of_the_process_are_killed_with_it(tmp_path):
    pid_file = tmp_path / "pid"
    script = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(child.pid))\n"
        f"print('{TIMED}', flush=True); time.sleep(600)"
    )
    assert converse(fake(script), REQUEST, deadline_s=120)
    assert gone(int(pid_file.read_text()))


def test_an_endless_stream_of_garbage_is_cut_off():
    start = time.monotonic()
    assert "more than" in failure("while True: os.write(1, b'x' * 65536)", deadline_s=60)
    assert time.monotonic() - start < 300


def test_an_endless_stream_of_errors_is_cut_off_at_the_deadline():
    assert "within 1 s" in failure("while True: os.write(2, b'x' * 65536)", deadline_s=1)


def test_a_crash_names_the_signal_and_the_last_words():
    script = "sys.stderr.write('bad\\x1b[31m model\\n'); sys.stderr.flush(); os.abort()"
    with pytest.raises(EngineCrashed) as caught:
        converse(fake(script), REQUEST, deadline_s=120)
    message = str(caught.value)
    assert "SIGABRT" in message
    assert r"bad\x1b[31m model" in message


def test_an_exit_without_an_answer_names_the_status():
    assert "exit status 7" in failure("sys.exit(7)")


def test_half_an_answer_is_no_answer():
    assert "no result" in failure(f"sys.stdout.write('{TIMED[:-5]}')")
    assert "no result" in failure(f"sys.stdout.write('{TIMED}')")  # whole, but its line did not end


def test_a_process_that_does_not_read_is_no_trouble():
    assert "exit status 0" in failure("os.close(0)")


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(DeviceUnreachable, match="/no/such/python"):
        converse(["/no/such/python"], REQUEST, deadline_s=1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ArtifactRefused", ArtifactRefused),
        ("UnavailableError", UnavailableError),
        ("UsageError", UsageError),
        ("SystemExit", DeviceFailed),
        (None, DeviceFailed),
    ],
)
def test_an_error_the_agent_tells_is_the_same_error_here(name, kind):
    line = {"edgeconv_agent": 1, "type": "error", "error": name, "message": "m.onnx: no\x1b[2J"}
    with pytest.raises(kind, match=r"m\.onnx: no\\x1b\[2J") as caught:
        converse(fake(f"import json; print(json.dumps({line}))"), REQUEST, deadline_s=120)
    assert type(caught.value) is kind


def test_another_protocol_version_is_told():
    with pytest.raises(UsageError, match="version 9"):
        converse(fake("print('{\"edgeconv_agent\": 9}')"), REQUEST, deadline_s=120)


def test_an_interrupt_leaves_no_process(tmp_path, monkeypatch):
    pid_file = tmp_path / "pid"
    script = f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); print('x', flush=True)"

    def interrupted(heard: object, data: bytes) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(conversation._Heard, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        converse(fake(f"{script}; time.sleep(600)"), REQUEST, deadline_s=120)
    assert gone(int(pid_file.read_text()))


def gone(pid: int) -> bool:
    """Whether a process has ended, waiting a little for whoever has to collect it."""
    for _ in range(1200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return True
        time.sleep(0.05)
    return False
