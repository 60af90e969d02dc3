"""Progress on stderr: a live line on a terminal, a rare plain line elsewhere.

Where stderr is no terminal (a log, a pipe) nothing is written unless the work takes long, and then
one line every half minute, so that logs stay short but show life.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from edgeconv.report.console import console, draws
from edgeconv.report.text import duration, printable

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_EVERY_SECONDS = 30.0
"""How often a line is written where there is no terminal; shorter work stays silent."""

Advance = Callable[[int], None]
"""Tells how many items were finished since the last call."""


@contextmanager
def progress(
    title: str,
    total: int | None = None,
    *,
    unit: str = "items",
    file: IO[str] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Advance]:
    """Shows how far some work is, its rate and the time left.

    Args:
        title: what is being done.
        total: how many items there are; None where unknown.
        unit: what an item is, plural.
        file: stderr by default.
        clock: seconds, for tests.

    Yields:
        a function to call with the number of items just finished.
    """
    stream = file or sys.stderr
    if draws(stream):
        with _live(stream, unit) as bar:
            task = bar.add_task(printable(title), total=total)
            yield lambda count: bar.advance(task, count)
    else:
        yield Lines(title, total, unit, stream, clock).advance


def _live(stream: IO[str], unit: str) -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """Items a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "", style="dim")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(unit),
        RateColumn(),
        TimeRemainingColumn(),
        console=console(stream),
        transient=True,
    )


class Lines:
    """Plain lines, one every `LINE_EVERY_SECONDS`; arguments as `progress`."""

    def __init__(
        self,
        title: str,
        total: int | None,
        unit: str,
        stream: IO[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title, self._total, self._unit = printable(title), total, unit
        self._stream, self._clock = stream, clock
        self._started = self._last = clock()
        self._done = 0

    def advance(self, count: int) -> None:
        """Counts items, and writes a line where the last one is long ago."""
        self._done += count
        now = self._clock()
        if now - self._last >= LINE_EVERY_SECONDS:
            self._last = now
            self._stream.write(self._line(now - self._started) + "\n")
            self._stream.flush()

    def _line(self, elapsed: float) -> str:
        rate = self._done / elapsed
        of_total = f" of {self._total:,}" if self._total is not None else ""
        line = f"{self._title}: {self._done:,}{of_total} {self._unit}, {rate:.1f}/s"
        if self._total is not None and 0 < self._done < self._total:
            line += f", {duration((self._total - self._done) / rate)} left"
        return line
