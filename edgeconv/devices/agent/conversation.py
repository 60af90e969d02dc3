"""Conversations with an agent process: a request in, its answers out, an end in any case.

The process gets a process group of its own, which is killed when its conversation is over, however
it ends: an answer, a deadline, a flood of output, an exception or Ctrl-C here.
"""

from __future__ import annotations

import io
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from edgeconv.devices.transport.envelope import last_words
from edgeconv.devices.transport.exchange import DeadlinePassed, Heard, Piped, pump
from edgeconv.devices.transport.watch import Watch
from edgeconv.errors import (
    CRASHES,
    SIGNALLED,
    ArtifactRefused,
    DeviceFailed,
    EdgeconvError,
    EngineCrashed,
    MemoryRefused,
    UnavailableError,
    UsageError,
)
from edgeconv.runtime.messages import FINAL, decode, encode
from edgeconv.runtime.plain import plain
from edgeconv.runtime.requests import FactsRequest, Request, TimeRequest, to_line

#: An honest answer holds at most a million samples of ten digits; beyond it nobody is answering.
MAX_OUTPUT_BYTES = 32 * 2**20
#: How long a process that closed its output without an answer may take to tell its exit status.
_GRACE_S = 2.0

#: What an agent may raise on the host: errors about the request and the file, by name.
_TOLD = (ArtifactRefused, MemoryRefused, UnavailableError, UsageError)


class _Heard(Heard):
    """What came out of the process so far.

    Attributes:
        messages: the whole ones.
    """

    def __init__(self, last: frozenset[str]) -> None:
        """`last` are the types of messages after which nothing more is waited for."""
        super().__init__("the measuring process", MAX_OUTPUT_BYTES)
        self.messages: list[dict[str, Any]] = []
        self._last = last
        self._scanned = 0

    def take(self, data: bytes) -> bool:
        """Takes standard output; True once a message of such a type is there."""
        return super().take(data) or self.reads_on()

    def reads_on(self) -> bool:
        """Takes in whole lines not seen yet; True once a message of such a type is among them."""
        while (end := self.stdout.find(b"\n", self._scanned)) >= 0:
            message = decode(bytes(self.stdout[self._scanned : end]))
            self._scanned = end + 1
            if message is not None:
                self.messages.append(message)
                if message.get("type") in self._last:
                    return True
        return False


class Conversation:
    """An agent process that is talked to for as long as the context is open.

    Its end is the process's, with all that it started.

    Attributes:
        messages: all that it said so far.
    """

    def __init__(
        self,
        command: Sequence[str],
        request: Request,
        *,
        deadline_s: float,
        env: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Starts it; raises DeviceUnreachable where that cannot be done.

        Args:
            command: the agent's program and arguments.
            request: what it is asked.
            deadline_s: seconds until it is killed. They pass while it is heard, so one that waits
                for its turn loses none.
            env: its environment; None inherits this one's.
            watch: asked while it says nothing.
        """
        self._unsaid = to_line(request)
        self._deadline_s = self._left_s = deadline_s
        self._heard = _Heard(_last_types(request))
        self._watch = watch
        self._process = Piped(command, env)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All that it said so far."""
        return self._heard.messages

    @property
    def stderr(self) -> bytes:
        """The end of what it wrote to standard error."""
        return bytes(self._heard.stderr)

    def close(self) -> None:
        """Ends it; may be called twice."""
        self._process.end()

    def hear(self) -> dict[str, Any]:
        """Its next message that waits for the host or is the last one; sends the request first.

        Raises:
            DeviceFailed: it died, passed the deadline, or did not answer.
            DeviceSilent: its device does not answer any more.
            EngineCrashed: it died in native code.
            ArtifactRefused, UnavailableError, UsageError: what it says of file and request.
        """
        if not self._listen():
            self._process.end(_GRACE_S)
            raise self._death()
        last = self.messages[-1]
        if last["type"] == "error":
            raise _told_error(last)
        return last

    def go(self) -> dict[str, Any]:
        """Gives it its turn, to the end; as `hear`."""
        if self._heard.reads_on():
            raise DeviceFailed("the measuring process did not wait for its turn")
        self._unsaid = encode("go", {})
        return self.hear()

    def _listen(self) -> bool:
        """Until such a message (True), or until the process closes its output (False).

        Standard input stays open after what is said: its end tells the agent to stop.
        """
        said, self._unsaid = io.BytesIO(self._unsaid), b""
        began = time.monotonic()
        deadline, feeds = began + self._left_s, self._heard.feeds
        try:
            return not pump(self._process, said, feeds, deadline=deadline, watch=self._watch)
        except DeadlinePassed:
            raise DeviceFailed(
                f"the measuring process gave no result within {self._deadline_s:g} s and was killed"
                f"{last_words(self.stderr)}; give it more time, or fewer runs"
            ) from None
        finally:
            self._left_s -= time.monotonic() - began

    def _death(self) -> DeviceFailed | EngineCrashed:
        """What is said of a process that has ended without an answer."""
        return died(self._process.returncode, self.stderr)


def _last_types(request: Request) -> frozenset[str]:
    """Types of messages after which the agent says no more by itself."""
    if isinstance(request, FactsRequest):
        return FINAL | {"facts"}
    takes_turns = isinstance(request, TimeRequest) and request.turn_ms is not None
    return FINAL | {"ready"} if takes_turns else FINAL


def died(code: int, stderr: bytes) -> DeviceFailed | EngineCrashed:
    """The error of a process that ended with this exit code, or of -code's signal.

    A device's shell tells a signal as a shell does, by an exit code above 128.
    """
    names = {known.value: known.name for known in signal.Signals}
    number = -code if code < 0 else code - SIGNALLED
    if number in CRASHES:
        return EngineCrashed(
            f"the engine crashed in its native code ({names[number]}){last_words(stderr)}: the "
            "model file is damaged, or asks for what the engine cannot do there"
        )
    how = f"signal {names.get(-code, -code)}" if code < 0 else f"exit status {code}"
    return DeviceFailed(
        f"the measuring process ended with {how} and gave no result{last_words(stderr)}"
    )


def _told_error(message: Mapping[str, Any]) -> EdgeconvError:
    """The error the agent reports, as the same class here where that is one it may raise."""
    name = str(message.get("error"))
    text = plain(message.get("message"), 2000)
    known: dict[str, type[EdgeconvError]] = {kind.__name__: kind for kind in _TOLD}
    return known.get(name, DeviceFailed)(text)
