"""Turns: processes that measure side by side run one at a time, each for a few tens of ms.

A machine's speed changes from one moment to the next (other load, frequency, temperature). Turns
this short see the same moments, so the ratio of two processes' medians has little noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: Position of the field `processor` in /proc/PID/stat behind the program's name (proc_pid_stat(5)).
_PROCESSOR = 36
#: Long enough for a scheduler that accounts for other threads' time once in 4 ms.
_WINDOW_S = 0.01
#: Threads that take less than this share of a core are asleep.
_ASLEEP_SHARE = 0.25
#: Worker threads that spin for longer do so for good.
_MOST_SPINNING_S = 0.25


@dataclass(frozen=True)
class Turns:
    """How one process shares the machine with others.

    Attributes:
        ms: how long the timed runs of a turn take; the run that passes it is the last.
        await_next: gives the machine to the others, and returns when the next turn has come.
    """

    ms: float
    await_next: Callable[[], None]


def core_of_this_thread() -> int | None:
    """The core that it runs on at this moment; None where the system does not tell."""
    try:
        told = Path("/proc/thread-self/stat").read_text(encoding="ascii", errors="replace")
        return int(told.rpartition(")")[2].split()[_PROCESSOR])
    except (OSError, ValueError, IndexError):
        return None


def await_asleep() -> None:
    """Waits until this process's worker threads sleep.

    After a run on several threads onnxruntime's wait for the next one at full speed, for 30 to
    50 ms, and torch's for about 10: a turn that began meanwhile would find a core taken. LiteRT's
    (XNNPACK's) are asleep within 2 ms.
    """
    give_up = time.monotonic() + _MOST_SPINNING_S
    while time.monotonic() < give_up:
        before = time.process_time()
        time.sleep(_WINDOW_S)
        if time.process_time() - before < _ASLEEP_SHARE * _WINDOW_S:
            return
