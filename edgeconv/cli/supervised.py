"""Runs the command in a child process, so that a crash of an engine ends as an error.

A file may be well formed and still crash an engine in its native code, and nothing in that process
is left to say so. The parent imports nothing heavy and only waits.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from typing import NoReturn

from edgeconv.errors import CRASHES, SIGNALLED, EngineCrashed
from edgeconv.report.console import say

_PASSED_ON = {signal.SIGINT, signal.SIGTERM}
_PR_SET_PDEATHSIG = 1


def supervised(command: Callable[[], NoReturn]) -> NoReturn:
    """Runs `command`, which never returns, and leaves with its exit code.

    Where the platform cannot wait for signals (macOS, Windows), it runs in this very process.
    """
    if not hasattr(signal, "sigwaitinfo"):
        command()
    waited_for = {*_PASSED_ON, signal.SIGCHLD}
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, as some start us, no status is kept
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    parent = os.getpid()
    try:
        child = os.fork()
    except OSError:  # no more processes, or no memory for one: it can do without
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        command()
    if child == 0:
        _end_with(parent)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        command()
    os._exit(_exit_code(_status(child, waited_for)))


def _end_with(parent: int) -> None:
    """Has the kernel end this process when its parent is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before it could be asked for
        os._exit(SIGNALLED + signal.SIGTERM)


def _status(child: int, waited_for: set[signal.Signals]) -> int:
    """The child's wait status; signals that were meant for it are passed on."""
    while True:
        received = signal.sigwaitinfo(waited_for)
        if received.si_signo == signal.SIGCHLD:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status
        elif received.si_code <= 0:  # of a process; the terminal's Ctrl-C reaches the child itself
            os.kill(child, received.si_signo)


def _exit_code(status: int) -> int:
    """What the child left with; a crash is told and has a code of its own."""
    code = os.waitstatus_to_exitcode(status)
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
