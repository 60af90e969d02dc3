"""A process watched by strace, or struck by it at one of its system calls."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)")


class Call(NamedTuple):
    """A system call: its name, which one of that name it is from 1 on, and its arguments."""

    name: str
    count: int
    arguments: str


def require_strace() -> None:
    """Skips where there is no strace, or it may not watch anything."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    tried = subprocess.run(["strace", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"strace may not watch processes here: {tried.stderr.strip()}")


@contextmanager
def watched(process: subprocess.Popen[str], log: Path, *options: str) -> Iterator[None]:
    """Strace holds on to a running process and writes to `log`, until the process has ended."""
    words = ["strace", "-p", str(process.pid), "-o", str(log), *options]
    tracer = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    with tracer:
        said = tracer.stderr.readline()
        if "attached" not in said:
            process.kill()
            pytest.skip(f"strace may not hold on to a running process here: {said.strip()}")
        yield


def calls(log: Path) -> Sequence[Call]:
    """The system calls of a process of one thread, in order."""
    seen: Counter[str] = Counter()
    found = []
    for line in log.read_text(errors="replace").splitlines():
        if call := _CALL.match(line):
            seen[call[1]] += 1
            found.append(Call(call[1], seen[call[1]], call[2]))
    return found
