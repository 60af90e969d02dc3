"""Whatever a verb raises becomes one line and a documented exit code, never a traceback."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from edgeconv.cli import main as entry
from edgeconv.cli.process import error_reports, signals
from edgeconv.cli.process.group import Group
from edgeconv.errors import INTERNAL_ERROR, EdgeconvError
from tests.cli.conftest import Run

ENTRY = "from edgeconv.cli.main import command; command()"


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class Rootless(BaseException):
    pass


@pytest.fixture
def fails(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], object]], tuple[int, str]]:
    """Runs a verb that does what it is given; gives exit code and standard error."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def failing(action: Callable[[], object]) -> tuple[int, str]:
        app = typer.Typer(cls=Group, pretty_exceptions_enable=False)
        app.command("verb")(lambda: action() and None)
        app.command("other")(lambda: None)
        monkeypatch.setattr(entry, "app", app)
        done = run("verb")
        assert done.out == ""
        return done.code, done.err

    return failing


def raising(error: BaseException) -> Callable[[], object]:
    def action() -> object:
        raise error

    return action


def recursing() -> object:
    return recursing()


def reports(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "edgeconv" / "errors").glob("*"))


@pytest.mark.parametrize(
    "action",
    [
        raising(ZeroDivisionError("division\nby\x1b[2J zero")),
        raising(RuntimeError("x" * 10_000)),
        raising(Speechless()),
        raising(Rootless("a BaseException")),
        raising(AssertionError()),
        raising(GeneratorExit()),
        raising(StopIteration()),
        raising(EOFError("no more input")),
        raising(UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates")),
        recursing,
    ],
)
def test_what_nobody_foresaw_is_one_line_and_a_report(fails, tmp_path, action):
    code, err = fails(action)
    assert code == INTERNAL_ERROR
    (line,) = err.splitlines()
    assert "\x1b" not in line
    (report,) = reports(tmp_path)
    assert str(report) in line
    assert len(line) < 600 + len(str(report))
    text = report.read_text()
    assert "command: edgeconv verb" in text
    assert "torch 2" in text
    assert "in action" in text or "in recursing" in text
    assert report.stat().st_size <= error_reports.MOST_BYTES
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache"], "nothing where the user works"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b: Permission denied"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "n" * 9), "File name too long"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b"), "a -> b: Invalid"),
        (OSError("words alone"), "words alone"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "closed before all was written"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("[...] DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
    ],
)
def test_what_the_machine_lacks_is_one_line_and_3(fails, tmp_path, error, says):
    code, err = fails(raising(error))
    assert code == 3
    (line,) = err.splitlines()
    assert says in line
    assert reports(tmp_path) == []


@pytest.mark.parametrize("status", [None, 0, 1, "goodbye"])
def test_a_net_that_exits_is_refused_whatever_it_exits_with(fails, status):
    code, err = fails(lambda: sys.exit(status))
    assert code == 4
    assert "exit()" in err


def test_an_interrupt_is_130(fails):
    assert fails(raising(KeyboardInterrupt())) == (130, f"{signals.WORDS}\n")


def test_the_code_is_nobody_elses():
    def below(kind: type[EdgeconvError]) -> set[int]:
        return {kind.exit_code}.union(*(below(child) for child in kind.__subclasses__()))

    assert INTERNAL_ERROR not in below(EdgeconvError) | {entry.INTERRUPTED}


def test_without_a_place_in_the_cache_it_goes_to_the_temporary_directory(
    fails, tmp_path, monkeypatch
):
    (tmp_path / "cache").write_text("a file")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(error_reports, "_of_the_system", lambda: tmp_path / "tmp")
    _, err = fails(raising(ZeroDivisionError()))
    (report,) = (tmp_path / "tmp").iterdir()
    assert str(report) in err


def test_without_any_place_the_line_says_so(fails, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setattr(error_reports, "_of_the_system", lambda: tmp_path / "nowhere")
    code, err = fails(raising(ZeroDivisionError()))
    assert code == INTERNAL_ERROR
    assert "no report could be written" in err


def test_only_the_newest_reports_are_kept(fails, tmp_path, monkeypatch):
    monkeypatch.setattr(error_reports, "MOST_REPORTS", 2)
    for number in range(3):
        fails(raising(ZeroDivisionError(f"number {number}")))
        for report in reports(tmp_path):
            if f"number {number}" in report.read_text():
                os.utime(report, (number, number))
    kept = "".join(report.read_text() for report in reports(tmp_path))
    assert ["number 0" in kept, "number 1" in kept, "number 2" in kept] == [False, True, True]


@pytest.mark.parametrize(
    ("redirection", "code", "lines"),
    [
        (">&-", 3, 1),
        (">/dev/full", 3, 1),
        ("2>&-", 0, 0),
        ("<&-", 0, 0),
        (">&- 2>&-", 3, 0),
    ],
)
def test_streams_that_are_closed_or_full(redirection, code, lines):
    if redirection == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    script = f'exec "$0" -c "$1" list {redirection}'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, ENTRY],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == lines, done.stderr


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["--help"], ["export", "-h"]])
def test_a_pipe_that_nobody_reads(words):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, *words], stdout=writing, stderr=subprocess.PIPE, timeout=120
    )
    os.close(writing)
    assert done.returncode == 3
    assert done.stderr == b"error: the output was closed before all was written\n"


def test_what_a_stream_cannot_encode_is_shown_all_the_same():
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, "inspect", b"n\xffet\xc3\xb6"],
        capture_output=True,
        timeout=120,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_a_killed_command_is_told():
    script = "import os; from edgeconv.cli.process.supervised import supervised\n" + (
        f"supervised(lambda: os.kill(os.getpid(), {int(signal.SIGKILL)}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 128 + signal.SIGKILL
    assert "the command was killed" in done.stderr
    assert len(done.stderr.splitlines()) == 1
