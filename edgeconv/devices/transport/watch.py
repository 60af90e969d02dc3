"""Whether the way to a device still answers, asked on the host while nothing comes from there.

A long inference is rightly silent, so silence alone proves nothing, and nothing may run on a board
that is being timed. What is asked is the connection: ssh's master process (which asks the board's
sshd by itself, `ServerAliveInterval`), or the phone's adbd by way of the adb server.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from edgeconv.errors import DeviceSilent

#: Together, and with the end of what is given up, under half a minute.
SILENCE_S = 8.0
ANSWER_WITHIN_S = 14.0


@dataclass(frozen=True)
class Watch:
    """Looks after one command or conversation.

    Attributes:
        what: is waited for, and from where, for messages.
        unanswered: asks, and gives the question where no answer came in time; None all is well.
        silence_s: how long nothing comes before it asks, and from one question to the next.
    """

    what: str
    unanswered: Callable[[], str | None]
    silence_s: float = SILENCE_S

    def look(self, pid: int) -> None:
        """Raises DeviceSilent where the way there, or the child process on it, stands still."""
        if _is_stopped(pid):
            raise DeviceSilent(
                f"{self.what} was waited for, but the program that leads there (process {pid}) "
                "was stopped on this machine; try again, and let it run"
            )
        question = self.unanswered()
        if question is not None:
            raise DeviceSilent(
                f"{self.what} was waited for, but the device does not answer any more ({question} "
                "got no answer); is it frozen, asleep or out of the network? Restart it and try "
                "again"
            )


def _is_stopped(pid: int) -> bool:
    """Whether a child of this process was stopped by a signal."""
    try:
        return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False
