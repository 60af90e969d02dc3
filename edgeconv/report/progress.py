"""Progress on stderr: live lines on a terminal, rare plain ones elsewhere.

Where stderr is no terminal (a log, a pipe), a step that takes long writes a line every half minute,
so that logs stay short but show life.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Self

from edgeconv.progress import Silent
from edgeconv.report.console import console, draws, say
from edgeconv.report.text import duration
from edgeconv.runtime.plain import MOST_MESSAGE_BYTES, plain, shortened

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

LINE_EVERY_SECONDS = 30.0
"""How often a line is written where there is no terminal; shorter work stays silent."""

Clock = Callable[[], float]


class Steps:
    """Work in steps, one at a time.

    Args:
        file: stderr by default.
        clock: seconds, for tests.
        lasting: whether a step that has ended leaves a line with the time it took.
    """

    def __init__(
        self, file: IO[str] | None = None, clock: Clock = time.monotonic, *, lasting: bool = True
    ) -> None:
        self._stream, self._clock, self._lasting = file or sys.stderr, clock, lasting
        self._console = console(self._stream, soft_wrap=True)
        self._drawn = _live(self._console) if draws(self._stream) else None
        self._lines: _Lines | None = None

    def __enter__(self) -> Self:
        if self._drawn is not None:
            self._drawn.start()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.finish(failed=error is not None)
        if self._drawn is not None:
            self._drawn.stop()

    def step(self, title: str, total: int | None = None) -> None:
        """Ends the step before and begins the next, of so many items where that is known."""
        self.finish()
        self._lines = _Lines(plain(shortened(title)), total, self._stream, self._clock)
        if self._drawn is not None:
            self._drawn.add_task(self._lines.title, total=total, unit="done" if total else "")

    def advance(self, done: int) -> None:
        """So many items of the current step are done."""
        if self._drawn is not None:
            self._drawn.update(self._drawn.task_ids[-1], completed=done)
        elif self._lines is not None:
            self._lines.advance(done)

    def warn(self, message: str) -> None:
        """Prints a warning at once, above what is drawn."""
        self._say("warning:", "yellow", f" {message}")

    def finish(self, *, failed: bool = False) -> None:
        """Ends the current step, if there is one."""
        if self._lines is None:
            return
        if self._lasting:
            mark, style = ("failed", "red") if failed else (f"{self._lines.seconds:6.1f} s", "")
            self._say(mark, style, f"  {self._lines.title}")
        if self._drawn is not None:
            self._drawn.remove_task(self._drawn.task_ids[-1])
        self._lines = None

    def _say(self, mark: str, style: str, words: str) -> None:
        from rich.text import Text

        self._console.print(Text.assemble((mark, style), plain(words, MOST_MESSAGE_BYTES)))


class Said(Silent):
    """Each step a plain line of its own when it begins: for few steps that nobody counts."""

    def step(self, title: str, total: int | None = None) -> None:
        """Prints the title."""
        del total
        say(title, err=True)


def _live(shown: Console) -> Progress:
    from rich import progress as columns
    from rich.text import Text

    class RateColumn(columns.ProgressColumn):
        """Items a second, nothing before the first item."""

        def render(self, task: columns.Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "", style="dim")

    return columns.Progress(
        columns.SpinnerColumn(),
        columns.TextColumn("{task.description}", markup=False),
        columns.BarColumn(bar_width=20),
        columns.MofNCompleteColumn(),
        columns.TextColumn("{task.fields[unit]}"),
        RateColumn(),
        columns.TimeElapsedColumn(),
        columns.TimeRemainingColumn(),
        console=shown,
        transient=True,
    )


class _Lines:
    """Plain lines of one step, one every `LINE_EVERY_SECONDS`; arguments as `Steps.step`."""

    def __init__(self, title: str, total: int | None, stream: IO[str], clock: Clock) -> None:
        self.title, self._total = title, total
        self._stream, self._clock = stream, clock
        self._started = self._last = clock()

    @property
    def seconds(self) -> float:
        """Since the step began."""
        return self._clock() - self._started

    def advance(self, done: int) -> None:
        """Writes a line where the last one is long ago."""
        now = self._clock()
        if now - self._last >= LINE_EVERY_SECONDS:
            self._last = now
            self._stream.write(self._line(done) + "\n")
            self._stream.flush()

    def _line(self, done: int) -> str:
        rate = done / self.seconds
        of_total = f" of {self._total:,}" if self._total is not None else ""
        line = f"{self.title}: {done:,}{of_total} done, {rate:.1f}/s"
        if self._total is not None and 0 < done < self._total:
            line += f", {duration((self._total - done) / rate)} left"
        return line
