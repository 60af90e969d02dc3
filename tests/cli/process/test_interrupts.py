"""A signal at any moment: its documented code, one line, no traceback."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from edgeconv.cli.process import signals

WORDS = f"{signals.WORDS}\n"
#: Tells when the entry point has begun, and runs on.
BEGIN = "import os, sys; from edgeconv.cli import entry; os.write(3, b'x'); entry.command()"
SENT = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM]


def heard() -> None:
    """As in a terminal; whoever ran the tests by nohup had SIGHUP ignored for all below them."""
    for number in SENT:
        signal.signal(number, signal.SIG_DFL)


def begun(*words: object, cwd: Path, **options: object) -> subprocess.Popen[str]:
    """A command of which the entry point has begun."""
    options.setdefault("preexec_fn", heard)
    reading, writing = os.pipe()
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3>&{writing} {writing}>&-', "-", sys.executable, "-c", BEGIN]
        + [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        pass_fds=[writing],
        **options,  # type: ignore[call-overload]
    )
    os.close(writing)
    assert os.read(reading, 1) == b"x"
    os.close(reading)
    return process  # type: ignore[no-any-return]


@pytest.mark.parametrize("sent", SENT)
@pytest.mark.parametrize("group", [False, True], ids=["the process", "its group"])
def test_a_signal_while_python_imports(tmp_path: Path, sent: signal.Signals, group: bool) -> None:
    """Any moment of a second will do; each outcome but the documented ones fails."""
    draw = random.Random(int(sent))
    interrupted = 0
    for _ in range(12):
        process = begun("list", cwd=tmp_path, start_new_session=True)
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0, 0.6))
        if process.poll() is None:
            (os.killpg if group else os.kill)(process.pid, sent)
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) in [(0, ""), (128 + sent, WORDS)]
        interrupted += process.returncode != 0
    assert interrupted


@pytest.mark.parametrize("sent", SENT)
def test_a_signal_in_the_middle_of_an_export_leaves_nothing(
    tmp_path: Path, sent: signal.Signals
) -> None:
    """The net tells that it is being built: PyTorch is imported, the work begins."""
    (tmp_path / "net.py").write_text(
        "import os, time, torch\n"
        "def build():\n    print('building', flush=True)\n    time.sleep(600)\n"
    )
    words = ["export", "net.py:build", "--weights", "random", "--out", "bundle"]
    process = begun(*words, cwd=tmp_path)
    assert process.stderr is not None
    while "building" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(sent)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 128 + sent
    assert err.endswith(WORDS)
    assert "Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} <= {"net.py", "__pycache__"}


def test_nohup_holds(tmp_path: Path) -> None:
    process = begun(
        "list", cwd=tmp_path, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert "mobilenet_v2" in out


@pytest.mark.parametrize("place", ["__enter__", "__exit__", "exit"])
@pytest.mark.parametrize("sent", SENT)
def test_a_signal_between_typers_own_lines(
    tmp_path: Path, sent: signal.Signals, place: str
) -> None:
    script = f"""
import os, sys
from edgeconv.cli import entry, main
context = main.typer.Context.__mro__[1]
def struck(self, *words, kept=context.{place}):
    if sys._getframe(1).f_code.co_name == "_main":
        os.kill(os.getpid(), {int(sent)})
    return kept(self, *words)
context.{place} = struck
entry.command()
"""
    words = [sys.executable, "-c", script, "list", "--json"]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, timeout=120, preexec_fn=heard
    )
    assert (done.returncode, done.stderr) == (128 + sent, WORDS)


def test_an_interrupt_that_python_drops_comes_again(tmp_path: Path) -> None:
    script = """
import os, signal, time
from edgeconv.cli.process import signals
signals.find_lost_ones()
signals.raise_interrupts()
class Dropping:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
try:
    Dropping()
    time.sleep(60)
except KeyboardInterrupt:
    os._exit(signals.came())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=50)
    assert (done.returncode, done.stderr) == (143, b"")
