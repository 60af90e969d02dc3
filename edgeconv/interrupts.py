"""Lets an interrupt wait while something is put in place or cleaned up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: What ends a command, and is passed on by the process that watches over it.
ENDS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Held:
    """Signals that have a handler in Python wait from `hold` to `release`.

    Only the main thread hears of signals: in another one nothing has to wait.
    """

    def __init__(self) -> None:
        self._came: int | None = None
        self._handlers: dict[signal.Signals, Callable[[int, FrameType | None], Any]] = {}
        if threading.current_thread() is threading.main_thread():
            for number in ENDS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler

    def hold(self) -> None:
        """From here on they wait; may be called again."""
        for number in self._handlers:
            signal.signal(number, self._note)

    def release(self) -> None:
        """For good; handles the first one that came, which mostly raises KeyboardInterrupt."""
        try:
            self._let_go()
        finally:
            self._handlers = {}  # whatever is left of `let_through` holds nothing any more

    def _let_go(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if (came := self._came) is not None:
            self._came = None
            self._handlers[signal.Signals(came)](came, None)

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """While the block runs they are handled at once."""
        try:
            self._let_go()
            yield
        finally:
            self.hold()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._came = self._came or number
