"""How long work tells its caller where it is: the command line draws it, a library is mute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edgeconv.quantize.recipe.step import StepReport


class Progress(Protocol):
    """Receives what an export is doing."""

    def step(self, title: str, total: int | None = None) -> None:
        """A new step begins; `total` is its number of items where it is known."""
        ...

    def advance(self, done: int) -> None:
        """So many items of the current step are done."""
        ...

    def steps(self, reports: Sequence[StepReport]) -> None:
        """What each step of the quantization recipe did."""
        ...

    def warn(self, message: str) -> None:
        """Something the user should know, though the work goes on."""
        ...


class Silent:
    """Says nothing, keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def step(self, title: str, total: int | None = None) -> None:
        """Ignores the step."""

    def advance(self, done: int) -> None:
        """Ignores the count."""

    def steps(self, reports: Sequence[StepReport]) -> None:
        """Ignores them; the manifest has them."""

    def warn(self, message: str) -> None:
        """Keeps the warning for whoever asks."""
        self.warnings.append(message)
