"""How long work tells its caller where it is: the command line draws it, a library is mute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

#: Told how many items of the work are done, in all: `Progress.advance`, for work of one step.
Advance = Callable[[int], None]


class Progress(Protocol):
    """Receives what work is doing."""

    def step(self, title: str, total: int | None = None) -> None:
        """A new step begins; `total` is its number of items where it is known."""
        ...

    def advance(self, done: int) -> None:
        """So many items of the current step are done."""
        ...

    def warn(self, message: str) -> None:
        """Something the user should know, though the work goes on."""
        ...


class Silent:
    """Says nothing."""

    def step(self, title: str, total: int | None = None) -> None:
        """Ignores the step."""

    def advance(self, done: int) -> None:
        """Ignores the count."""

    def warn(self, message: str) -> None:
        """Ignores the warning."""


@dataclass(frozen=True)
class PartOf:
    """Tells another of the steps of a part of the work, whose name goes before theirs."""

    whole: Progress
    name: str

    def step(self, title: str, total: int | None = None) -> None:
        """Tells of the step."""
        self.whole.step(f"{self.name}: {title}", total)

    def advance(self, done: int) -> None:
        """Tells of the count."""
        self.whole.advance(done)

    def warn(self, message: str) -> None:
        """Tells of the warning."""
        self.whole.warn(message)


SILENT = Silent()
