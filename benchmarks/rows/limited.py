"""A command as a child process that cannot take the machine with it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

#: A child that only waits is stopped after so many times its processor seconds.
_WALL_FACTOR = 20
_FORKING = Path(__file__).resolve().parent / "forking.py"


@dataclass(frozen=True)
class Limits:
    """What one child may take.

    Attributes:
        cpu_s: processor seconds, so that a loaded machine fails nothing.
        memory_gib: of address space.
    """

    cpu_s: int = 600
    memory_gib: int = 16


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        code: its exit code, negative for a signal; None where it was stopped for its time.
        log: what it printed, stdout and stderr together.
    """

    code: int | None
    log: str


def limited(
    command: Sequence[str | Path], log: Path, variables: Mapping[str, str], limits: Limits
) -> Ended:
    """Runs the command in the log's folder to its end or limit; what it started ends with it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(variables),
            cwd=log.parent,
            start_new_session=True,
        )
        _limit(process.pid, limits)
        try:
            code: int | None = process.wait(_wall_s(limits))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return _ended(code, log)


def _wall_s(limits: Limits) -> int:
    return limits.cpu_s * _WALL_FACTOR


def _ended(code: int | None, log: Path) -> Ended:
    stopped = code in (-signal.SIGXCPU, -signal.SIGKILL)
    text = log.read_text(encoding="utf-8", errors="replace")
    return Ended(None if stopped else code, text)


def _limit(pid: int, limits: Limits) -> None:
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 5))
        size = limits.memory_gib << 30
        resource.prlimit(pid, resource.RLIMIT_AS, (size, size))


class Warm:
    """An interpreter that has imported some modules: each command is a fork of it."""

    def __init__(self, python: Path, modules: Sequence[str], variables: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [python, _FORKING, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(variables),
            text=True,
            bufsize=1,
        )

    def limited(self, command: Sequence[str | Path], log: Path, limits: Limits) -> Ended:
        """Runs a script with its arguments, or `-m MODULE`, as `limited` does."""
        asked = {"command": list(map(str, command)), "log": str(log), **asdict(limits)}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({**asked, "wall_s": _wall_s(limits)}) + "\n")
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{_FORKING} ended: exit {self._process.wait()}")
        return _ended(json.loads(answer), log)
