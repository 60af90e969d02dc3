"""The command runs in a child: its exit code, its crashes, the signals meant for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

BEGIN = """
import os, signal, sys, time
from edgeconv.cli.process.supervised import supervised
"""


def start(body: str, **options: object) -> subprocess.Popen[str]:
    """A supervised command with this body."""
    script = f"{BEGIN}\ndef command():\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
    words = [sys.executable, "-c", f"{script}\nsupervised(command)"]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("code", [0, 3, 130])
def test_the_exit_code_is_the_commands(code: int) -> None:
    process = start(f"print('said', flush=True); os._exit({code})")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (code, "said\n", "")


@pytest.mark.parametrize("crash", ["SIGSEGV", "SIGABRT", "SIGBUS"])
def test_a_crash_is_an_error_with_the_code_of_a_refused_file(crash: str) -> None:
    process = start(f"os.kill(os.getpid(), signal.{crash})")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 4
    assert "crashed" in err
    assert str(signal.strsignal(getattr(signal, crash))) in err
    assert len(err.splitlines()) == 1


def test_a_kill_is_told_as_a_shell_tells_it() -> None:
    process = start("os.kill(os.getpid(), signal.SIGKILL)")
    process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_command(sent: signal.Signals) -> None:
    process = start(
        f"""
        signal.signal({int(sent)}, lambda *_: os._exit(77))
        print("ready", flush=True)
        time.sleep(60)
        """
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(sent)
    assert process.wait(120) == 77


def test_an_inherited_refusal_to_hear_of_children_does_no_harm() -> None:
    process = start("os._exit(5)", preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert process.wait(120) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel does this")
def test_the_command_ends_when_its_parent_is_killed() -> None:
    process = start("print(os.getpid(), flush=True)\ntime.sleep(60)")
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.kill()
    process.wait(120)
    until = time.monotonic() + 120
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_signal_to_the_whole_group_interrupts_once(tmp_path: Path) -> None:
    """The child gets it directly and by way of its parent; cleaning up is not interrupted."""
    script = """
import os, sys, time
from edgeconv.cli import main
from edgeconv.cli.process.supervised import supervised

def slow(*_):
    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.5)
        print("cleaned up", flush=True)
        raise

main.app = slow
main.command()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert out == "cleaned up\n"
    assert process.returncode == 130
