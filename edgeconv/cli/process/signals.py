"""What Ctrl-C, a closed terminal and SIGTERM do, from the first import to the last line.

While nothing is being written (Python imports, the last words are said) a signal ends the process
at once. While a verb runs it raises KeyboardInterrupt, so that what is half-written is cleaned up.
This module imports nothing heavy: it is the first thing that runs.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from edgeconv.interrupts import ENDS

#: Of these, what a shell or nohup may have had ignored, for us as well.
_IGNORABLE = (signal.SIGHUP, signal.SIGINT)
#: A signal so soon after another is the same one: to a process group it comes by two ways.
_AGAIN_S = 1.0
#: As the exit codes tell a signal.
_SIGNALLED = 128
WORDS = "interrupted; nothing half-written was left behind"

_last = -_AGAIN_S
_came: int | None = None


def end_at_once() -> None:
    """From here on a signal says so and ends the process: there is nothing to clean up."""
    _handle(_end)


def raise_interrupts() -> None:
    """From here on a signal raises KeyboardInterrupt with its number, each of them once."""
    _handle(_interrupt)


def find_lost_ones() -> None:
    """An interrupt that came where Python drops exceptions, such as in `__del__`, comes again."""
    sys.unraisablehook = _lost


def came() -> int | None:
    """The exit code of the signal that told this process to end, None where none did."""
    return None if _came is None else _SIGNALLED + _came


def _handle(handler: Any) -> None:
    for number in ENDS:
        if number not in _IGNORABLE or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _is_first(number: int) -> bool:
    global _last, _came
    now = time.monotonic()
    first, _last = now - _last >= _AGAIN_S, now
    if first:
        _came = number
    return first


def _end(number: int, _frame: FrameType | None) -> None:
    if not _is_first(number):
        return
    with suppress(OSError):  # nobody listens any more; the exit code tells
        os.write(2, f"{WORDS}\n".encode())
    os._exit(_SIGNALLED + number)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if _is_first(number):
        raise KeyboardInterrupt(number)


def _lost(lost: Any) -> None:
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return

    def again() -> None:
        global _last
        _last = -_AGAIN_S
        os.kill(os.getpid(), _came or signal.SIGINT)

    threading.Timer(0.02, again).start()
