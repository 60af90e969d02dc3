"""Draws an export on stderr: its steps, its warnings, and what quantization tried."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeconv.report.progress import Steps
from edgeconv.report.tables import Column, Table, show

if TYPE_CHECKING:
    from edgeconv.quantize.recipe.step import StepReport


class Drawn(Steps):
    """Steps as live lines on a terminal, as plain lines elsewhere; warnings above them."""

    def warn(self, message: str) -> None:
        """Prints a warning at once."""
        self.say("warning:", "yellow", f" {message}")

    def steps(self, reports: Sequence[StepReport]) -> None:
        """A table of what each step of the quantization recipe did."""
        self.finish()
        if not reports:
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
