"""A command as a child process that cannot take the machine with it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: A child that only waits is stopped after so many times its processor seconds.
_WALL_FACTOR = 20


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
            code: int | None = process.wait(limits.cpu_s * _WALL_FACTOR)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    stopped = code in (-signal.SIGXCPU, -signal.SIGKILL)
    text = log.read_text(encoding="utf-8", errors="replace")
    return Ended(None if stopped else code, text)


def _limit(pid: int, limits: Limits) -> None:
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 5))
        size = limits.memory_gib << 30
        resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
