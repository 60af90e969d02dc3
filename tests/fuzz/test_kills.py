"""kill -9 while a directory is put in place: the old or the new one, and nothing else later."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgeconv.bundle import staging
from tests.helpers.straced import Call, calls, require_strace, watched

#: Writes four files of one text, once or for ever, when it is told to.
WRITER = textwrap.dedent(
    """
    import itertools, pathlib, sys
    from edgeconv.bundle import staging

    place, swap, times = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    if swap == "two steps":
        staging._renameat2 = lambda *_: False
    print("ready", flush=True)
    sys.stdin.readline()
    for number in itertools.count() if times == "for ever" else [1]:
        with staging.staged(place, force=True, is_ours=pathlib.Path.is_dir) as stage:
            for part in range(4):
                (stage / str(part)).write_text(f"new {number}")
    print("done", flush=True)
    """
)
OLD = "old"
SWAPS = ["renameat2", "two steps"]


def put(destination: Path, text: str) -> None:
    with staging.staged(destination, force=True, is_ours=Path.is_dir) as stage:
        for part in range(4):
            (stage / str(part)).write_text(text)


def ready(destination: Path, swap: str, times: str) -> subprocess.Popen[str]:
    """A writer that waits to be told."""
    words = [sys.executable, "-c", WRITER, str(destination), swap, times]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def left(destination: Path) -> str | None:
    """Whose directory the next command finds, of which nothing is missing; None where none is."""
    staging.recover(destination)
    there = [path.name for path in destination.parent.iterdir()]
    assert there in ([], [destination.name]), "the next command leaves nothing of a killed one"
    if not there:
        return None
    (text,) = {path.read_text() for path in destination.iterdir()}
    assert len(list(destination.iterdir())) == 4
    return text


def killed_at(call: Call, destination: Path, swap: str) -> None:
    """Runs a writer that is killed as it makes a system call, which then is not made."""
    log = destination.parent.parent / "killed.log"
    process = ready(destination, swap, "once")
    inject = f"inject={call.name}:signal=KILL:when={call.count}"
    with process, watched(process, log, "-e", f"trace={call.name}", "-e", inject):
        tell(process)
        assert process.wait() == -signal.SIGKILL
    assert len(calls(log)) == call.count


def calls_of_a_write(destination: Path, swap: str) -> Sequence[Call]:
    """All that a writer makes from when it is told to when it is done, `done` itself included."""
    log = destination.parent.parent / "whole.log"
    process = ready(destination, swap, "once")
    with process, watched(process, log):
        tell(process)
        process.communicate()
    made = calls(log)
    end = next(place for place, call in enumerate(made) if '"done' in call.arguments)
    return made[1 : end + 1]  # the first one heard what it was told


@pytest.mark.parametrize(
    ("swap", "before"), [("renameat2", None), ("renameat2", OLD), ("two steps", OLD)]
)
def test_killed_at_each_system_call(
    tmp_path: Path, kills: int, swap: str, before: str | None
) -> None:
    """Each of them where --kills is no less than their number, else so many from first to last."""
    require_strace()
    destination = tmp_path / "place" / "b"
    destination.parent.mkdir()
    if before:
        put(destination, before)
    made = calls_of_a_write(destination, swap)
    step = max(1, len(made) // kills)
    found = []
    for call in made[::-step]:
        shutil.rmtree(destination, ignore_errors=True)
        if before:
            put(destination, before)
        killed_at(call, destination, swap)
        found.append(left(destination))
    print(f"killed at {len(found)} of {len(made)} system calls ({swap}, {before} before)")
    assert set(found) == {before, "new 1"}
    is_new = [text == "new 1" for text in found]
    assert is_new == sorted(is_new, reverse=True), "the old one up to a call, the new one behind it"


@pytest.mark.parametrize("swap", SWAPS)
def test_killed_at_random_moments(tmp_path: Path, kills: int, swap: str) -> None:
    destination = tmp_path / "place" / "b"
    draw = random.Random(swap)
    for _ in range(kills // 2):
        process = ready(destination, swap, "for ever")
        with process:
            tell(process)
            time.sleep(draw.uniform(0, 0.05))
            process.kill()
        assert process.returncode == -signal.SIGKILL
        text = left(destination) if destination.parent.is_dir() else None
        assert text is None or text.startswith("new")
    put(destination, OLD)
    assert left(destination) == OLD
