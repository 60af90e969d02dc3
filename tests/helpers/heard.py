"""A listener that keeps what work tells it."""

from __future__ import annotations


class Heard:
    """Progress, kept: every step's title and total, every count, every warning, in their order."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int | None]] = []
        self.done: list[int] = []
        self.warnings: list[str] = []

    def step(self, title: str, total: int | None = None) -> None:
        """Keeps the step."""
        self.steps.append((title, total))

    def advance(self, done: int) -> None:
        """Keeps the count."""
        self.done.append(done)

    def warn(self, message: str) -> None:
        """Keeps the warning."""
        self.warnings.append(message)
