"""Thousands of command lines, by the entry that users start, some hundred to a process.

A process that a command ends is told apart from a command that fails: its death is the command's,
and the commands behind it run in the next process. Each command's processor time and peak of memory
are known.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.helpers.machines.command_server import PRELOADED

#: What one command may take before it is ended, and what it may ask of memory in all.
LIMIT_CPU_S = 30
LIMIT_WALL_S = 600
LIMIT_ADDRESS_SPACE = 6 * 2**30
_SHOWN = 6000

_SERVER = f"""{PRELOADED}
import resource, time

from edgeconv.cli.main import main
from edgeconv.cli.process import streams

def peak_mib():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) >> 10 for line in file if line.startswith("VmHWM"))

def seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

def captured(descriptor, stream):
    stream.flush()
    text = os.pread(descriptor, {_SHOWN}, 0).decode(errors="backslashreplace")
    length = os.lseek(descriptor, 0, os.SEEK_END)
    os.ftruncate(descriptor, 0)
    return text, length

def one(words):
    began = seconds()
    resource.setrlimit(resource.RLIMIT_CPU, (int(began) + {LIMIT_CPU_S}, resource.RLIM_INFINITY))
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    sys.argv = ["edgeconv", *words]
    code = None
    try:
        main()
    except SystemExit as finished:
        code = finished.code
    (out, out_length), (err, err_length) = captured(1, sys.stdout), captured(2, sys.stderr)
    return dict(
        code=code, out=out, out_length=out_length, err=err, err_length=err_length,
        seconds=seconds() - began, peak_mib=peak_mib(),
    )

def work(job, answers):
    os.chdir(job["directory"])
    resource.setrlimit(resource.RLIMIT_AS, ({LIMIT_ADDRESS_SPACE}, resource.RLIM_INFINITY))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate((job["out"], job["err"]), 1):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND), number)
    streams.make_safe()
    for words in job["lines"]:
        os.write(answers, json.dumps(one(words)).encode() + b"\\n")

results = os.dup(1)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        work(json.loads(line), results)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(results, json.dumps(dict(ended=ended)).encode() + b"\\n")
"""


@dataclass(frozen=True)
class Ran:
    """How a command ended.

    Attributes:
        code: what it exited with; negative for the signal that ended its process.
        out, err: the beginning of what it printed.
        seconds: of processor time.
        peak_mib: the most memory that its process held.
    """

    words: tuple[str, ...]
    code: int
    out: str = ""
    err: str = ""
    seconds: float = 0.0
    peak_mib: int = 0
    out_length: int = 0
    err_length: int = 0


@dataclass
class CommandBatches:
    """Runs commands; the caches of all of them lie in `place`."""

    place: Path
    process: subprocess.Popen[bytes] = field(init=False)
    read: bytes = b""

    def __post_init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self.read = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=self._environment(),
        )

    def _environment(self) -> dict[str, str]:
        caches = {"XDG_CACHE_HOME": str(self.place), "XDG_CONFIG_HOME": str(self.place)}
        plain = {"OMP_NUM_THREADS": "1", "COLUMNS": "200", "TF_CPP_MIN_LOG_LEVEL": "3"}
        return {**os.environ, **caches, **plain}

    def run(self, directory: Path, lines: Sequence[Sequence[str]]) -> Iterator[Ran]:
        """`edgeconv LINE...` for each line, in a directory, in order."""
        left = [tuple(line) for line in lines]
        while left:
            told = {"out": str(self.place / "out"), "err": str(self.place / "err")}
            job = {"directory": str(directory), "lines": left, **told}
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(job).encode() + b"\n")
            while (answer := self._answer()).get("ended") is None:
                yield Ran(left.pop(0), **answer)
            if left:
                err = (self.place / "err").read_bytes()[:_SHOWN].decode(errors="backslashreplace")
                yield Ran(left.pop(0), answer["ended"], err=err)

    def as_a_user(self, directory: Path, line: Sequence[str]) -> Ran:
        """One command as a process of its own, with what watches over it."""
        done = subprocess.run(
            [sys.executable, "-c", "from edgeconv.cli.entry import command; command()", *line],
            cwd=directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_WALL_S,
            check=False,
        )
        out, err = (text.decode(errors="backslashreplace") for text in (done.stdout, done.stderr))
        return Ran(tuple(line), done.returncode, out[:_SHOWN], err[:_SHOWN])

    def _answer(self) -> dict[str, Any]:
        """The next line; of a command that does not come to an end, that it was killed."""
        assert self.process.stdout is not None
        while b"\n" not in self.read:
            if not select.select([self.process.stdout], [], [], LIMIT_WALL_S)[0]:
                self.stop()
                self._start()
                return {"ended": -signal.SIGKILL}
            part = os.read(self.process.stdout.fileno(), 1 << 20)
            assert part, "the server ended"
            self.read += part
        line, _, self.read = self.read.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def stop(self) -> None:
        """Nothing it holds needs an orderly end."""
        self.process.kill()
        self.process.communicate()
