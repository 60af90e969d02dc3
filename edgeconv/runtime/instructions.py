"""Instructions that one inference executes: a cost that is the same on every run.

Only an emulator can tell. edgeconv's emulated devices start the agent below QEMU with a plugin that
answers a system call no Linux has: its argument is a file descriptor, to which the count so far is
written. Elsewhere nothing is asked and nothing is told.
"""

from __future__ import annotations

import ctypes
import gc
import os
import statistics
import struct
from collections.abc import Callable

from edgeconv.errors import UnavailableError

#: Set where a counter answers.
VARIABLE = "EDGECONV_COUNTER"
_ASK_FOR_COUNT = 7777
_RUNS = 3
_COUNT = struct.Struct("=Q")


def instructions_of(invoke: Callable[[], None]) -> int | None:
    """Instructions that `invoke` executes once it has run before; None where nobody counts.

    The whole process is counted, so it must have one thread at work. What asking for the count
    takes is left out.

    Raises:
        UnavailableError: a counter was promised and does not answer.
    """
    if not os.environ.get(VARIABLE):
        return None
    collecting = gc.isenabled()
    gc.disable()
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    try:
        counts = [_between(reading, writing, invoke) for _ in range(_RUNS + 1)][1:]
        asking = min(_between(reading, writing, _nothing) for _ in range(_RUNS))
    finally:
        os.close(reading)
        os.close(writing)
        if collecting:
            gc.enable()
    return max(0, int(statistics.median(counts)) - asking)


def _between(reading: int, writing: int, invoke: Callable[[], None]) -> int:
    before = _count(reading, writing)
    invoke()
    return _count(reading, writing) - before


def _count(reading: int, writing: int) -> int:
    ctypes.CDLL(None).syscall(ctypes.c_long(_ASK_FOR_COUNT), ctypes.c_long(writing))
    try:
        told = os.read(reading, _COUNT.size)
    except BlockingIOError:
        raise UnavailableError(
            f"{VARIABLE} is set, and nothing here counts instructions; only edgeconv's emulated "
            "devices do"
        ) from None
    count: int = _COUNT.unpack(told)[0]
    return count


def _nothing() -> None:
    """What costs nothing but the call."""
