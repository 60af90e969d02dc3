"""Runs the command in a child process, so that a crash of an engine ends as an error.

A file may be well formed and still crash an engine in its native code, and nothing in that process
is left to say so. The parent imports nothing heavy and only waits.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import NoReturn

from edgeconv.child import end_with
from edgeconv.errors import CRASHES, SIGNALLED, EngineCrashed
from edgeconv.interrupts import ENDS
from edgeconv.report.console import say


def supervised(command: Callable[[], NoReturn]) -> NoReturn:
    """Runs `command`, which never returns, and leaves with its exit code.

    Where the platform cannot wait for signals (macOS, Windows), it runs in this very process.
    """
    if not hasattr(signal, "sigwaitinfo"):
        command()
    waited_for = {*ENDS, signal.SIGCHLD}
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, as some start us, no status is kept
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    parent = os.getpid()
    try:
        child = os.fork()
    except OSError:  # no more processes, or no memory for one: it can do without
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        command()
    if child == 0:
        if not end_with(parent):
            os._exit(SIGNALLED + signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        command()
    os._exit(_exit_code(*_status(child, waited_for)))


def _status(child: int, waited_for: set[signal.Signals]) -> tuple[int, int | None]:
    """The child's wait status, and the last signal that was meant for it and passed on.

    The terminal's Ctrl-C reaches a child by itself, but not one that is only being made.
    """
    passed_on: int | None = None
    while True:
        received = signal.sigwaitinfo(waited_for)
        if received.si_signo == signal.SIGCHLD:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status, passed_on
        else:
            passed_on = received.si_signo
            os.kill(child, passed_on)


def _exit_code(status: int, passed_on: int | None) -> int:
    """What the child left with; a crash is told, but for one in code that was being interrupted."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0 and passed_on is not None:
        say("interrupted", err=True)
        return SIGNALLED + passed_on
    if -code in CRASHES:
        name = signal.strsignal(-code)
        say(
            f"error: an engine crashed in its native code ({name}): the model file is damaged, or "
            "asks for what the engine cannot do",
            err=True,
        )
        return EngineCrashed.exit_code
    if -code == signal.SIGKILL:
        say(
            "error: the command was killed; where memory ran out, free some, or ask for less at a "
            "time",
            err=True,
        )
    return code if code >= 0 else SIGNALLED - code
