"""One conversation with an agent process: a request in, its answers out, an end in any case.

The process gets a process group of its own, which is killed when the conversation is over, however
it ends: an answer, a deadline, a flood of output, an exception or Ctrl-C here.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from edgeconv.devices.exchange import DeadlinePassed, Feeds, pump, start
from edgeconv.errors import (
    ArtifactRefused,
    DeviceFailed,
    EdgeconvError,
    UnavailableError,
    UsageError,
)
from edgeconv.runtime.messages import FINAL, decode
from edgeconv.runtime.requests import FactsRequest, Request, to_line

#: An honest answer holds at most a million samples of ten digits; beyond it nobody is answering.
MAX_OUTPUT_BYTES = 32 * 2**20
#: How much of standard error is kept to explain a failure: its end.
_KEPT_STDERR_BYTES = 4096
#: How long a process that closed its output without an answer may take to tell its exit status.
_GRACE_S = 2.0

#: What an agent may raise on the host: errors about the request and the file, by name.
_TOLD = (ArtifactRefused, UnavailableError, UsageError)


@dataclass
class _Heard:
    """What came out of the process so far.

    Attributes:
        final: types of messages that end the conversation.
    """

    final: frozenset[str] = FINAL
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    scanned: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)

    def take(self, data: bytes) -> bool:
        """Takes standard output; True once the last message is there."""
        self.stdout += data
        if len(self.stdout) > MAX_OUTPUT_BYTES:
            raise DeviceFailed(
                f"the measuring process wrote more than {MAX_OUTPUT_BYTES >> 20} MiB and was killed"
            )
        return self._read_messages()

    def take_stderr(self, data: bytes) -> bool:
        """Takes standard error, and keeps its end."""
        self.stderr += data
        del self.stderr[:-_KEPT_STDERR_BYTES]
        return False

    def _read_messages(self) -> bool:
        """Takes in every whole line not seen yet; True once the last message is there."""
        while (end := self.stdout.find(b"\n", self.scanned)) >= 0:
            message = decode(bytes(self.stdout[self.scanned : end]))
            self.scanned = end + 1
            if message is not None:
                self.messages.append(message)
                if message.get("type") in self.final:
                    return True
        return False


def converse(
    command: Sequence[str],
    request: Request,
    *,
    deadline_s: float,
    env: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Starts `command`, writes the request, and gives its messages up to the last one.

    Args:
        command: the agent's program and arguments.
        request: what it is asked.
        deadline_s: seconds until the process is killed.
        env: its environment; None inherits this one's.

    Raises:
        DeviceUnreachable: it cannot be started.
        DeviceFailed: it died, passed the deadline, or did not answer.
        ArtifactRefused, UnavailableError, UsageError: what the agent says of file and request.
    """
    process = start(command, env)
    facts_only = isinstance(request, FactsRequest)
    heard = _Heard(FINAL | {"facts"} if facts_only else FINAL)
    grace_s = 0.0
    try:
        answered = _listen(process, to_line(request), heard, deadline_s)
        grace_s = 0.0 if answered else _GRACE_S
    finally:
        _end(process, grace_s)
    if not answered:
        raise DeviceFailed(_obituary(process, heard))
    last = heard.messages[-1]
    if last["type"] == "error":
        raise _told_error(last)
    return heard.messages


def _listen(
    process: subprocess.Popen[bytes], request: bytes, heard: _Heard, allowed_s: float
) -> bool:
    """Until the last message (True), or until the process closes its output (False).

    Standard input stays open after the request: its end tells the agent to stop.
    """
    feeds = Feeds(heard.take, heard.take_stderr)
    try:
        return not pump(process, io.BytesIO(request), feeds, deadline=time.monotonic() + allowed_s)
    except DeadlinePassed:
        raise DeviceFailed(
            f"the measuring process gave no result within {allowed_s:g} s and was killed"
            f"{_explanation(heard)}; give it more time, or fewer runs"
        ) from None


def _end(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """Kills what is left of the process group after `grace_s`, and collects the exit status.

    The status is collected last: until then the group's number cannot belong to anybody else.
    """
    give_up = time.monotonic() + grace_s
    waiting = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while time.monotonic() < give_up and os.waitid(os.P_PID, process.pid, waiting) is None:
        time.sleep(0.01)
    with suppress(ProcessLookupError, PermissionError):  # macOS: a group of zombies may not be hit
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _obituary(process: subprocess.Popen[bytes], heard: _Heard) -> str:
    code = process.returncode
    how = f"exit status {code}"
    if code < 0:
        how = f"signal {signal.Signals(-code).name}"
    return f"the measuring process ended with {how} and gave no result{_explanation(heard)}"


def _explanation(heard: _Heard) -> str:
    """The last line it wrote to standard error, made harmless for a terminal."""
    lines = heard.stderr.decode(errors="replace").strip().splitlines()
    if not lines:
        return ""
    return f" (it wrote: {''.join(c for c in lines[-1] if c.isprintable())[:300]})"


def _told_error(message: Mapping[str, Any]) -> EdgeconvError:
    """The error the agent reports, as the same class here where that is one it may raise."""
    name = str(message.get("error"))
    text = "".join(c for c in str(message.get("message"))[:2000] if c.isprintable())
    known: dict[str, type[EdgeconvError]] = {kind.__name__: kind for kind in _TOLD}
    return known.get(name, DeviceFailed)(text)
