"""Draws an export's steps on stderr: what is done now, how far, how long still."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from edgeconv.report.console import console, draws
from edgeconv.report.progress import Lines
from edgeconv.report.tables import Column, Table, show

if TYPE_CHECKING:
    from edgeconv.quantize.recipe.step import StepReport


class RateColumn(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        """The rate, nothing before the first item."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


class Drawn:
    """Steps as live lines on a terminal, as plain lines elsewhere; warnings above them."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = console(sys.stderr, soft_wrap=True)
        self._live = draws(sys.stderr) and not quiet
        self._quiet = quiet
        self._title: str | None = None
        self._started = 0.0
        self._task: TaskID | None = None
        self._lines: Lines | None = None
        self._done = 0
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._live,
        )

    def __enter__(self) -> Drawn:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finish(failed=error is not None)
        self._progress.stop()

    def step(self, title: str, total: int | None = None) -> None:
        """Ends the step before and begins the next."""
        self._finish(failed=False)
        self._title, self._started = title, time.monotonic()
        if self._live:
            self._task = self._progress.add_task(title, total=total)
        elif total is not None and not self._quiet:
            self._lines, self._done = Lines(title, total, "done", sys.stderr), 0

    def advance(self, done: int) -> None:
        """So many items of the current step are done."""
        if self._task is not None:
            self._progress.update(self._task, completed=done)
        if self._lines is not None:
            self._lines.advance(done - self._done)
            self._done = done

    def warn(self, message: str) -> None:
        """Prints a warning at once, whether quiet or not."""
        self._console.print(f"[yellow]warning:[/] {_escape(message)}")

    def steps(self, reports: Sequence[StepReport]) -> None:
        """A table of what each step of the quantization recipe did."""
        self._finish(failed=False)
        if self._quiet or not reports:
            return
        columns = (
            Column("step"),
            Column("kept"),
            Column("SQNR dB", "number", 1, rank=2),
            Column("gain dB", "quantity", rank=1),
            Column("top-1 agreement", "percent", 0, rank=3),
            Column("seconds", "number", 1, rank=4),
        )
        rows = [
            (
                report.name,
                "yes" if report.kept else "no",
                report.sqnr_db,
                None if report.gain_db is None else f"{report.gain_db:+.1f}",
                report.agreement,
                report.seconds,
            )
            for report in reports
        ]
        note = "SQNR and agreement with the float net on calibration photos held back from the step"
        measured = any(report.sqnr_db is not None for report in reports)
        show(Table(columns, rows, notes=(note,) if measured else ()), file=sys.stderr)

    def _finish(self, *, failed: bool) -> None:
        if self._title is None:
            return
        seconds = time.monotonic() - self._started
        if not self._quiet:
            mark = "[red]failed[/]" if failed else f"{seconds:6.1f} s"
            self._console.print(f"{mark}  {self._title}")
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._title = self._task = self._lines = None
        sys.stderr.flush()


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
