"""Draws an export on stderr: its steps, and what quantization tried."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeconv.report.progress import Steps
from edgeconv.report.tables import Column, Table, Told, show

if TYPE_CHECKING:
    from edgeconv.quantize.recipe.step import StepReport


class Drawn(Steps):
    """Steps as live lines on a terminal, as plain lines elsewhere; warnings above them."""

    def steps(self, reports: Sequence[StepReport]) -> None:
        """A table of what each step of the quantization recipe did."""
        self.finish()
        if not reports:
            return
        told: Told[StepReport] = [
            (Column("step"), lambda step: step.name),
            (Column("kept"), lambda step: "yes" if step.kept else "no"),
            (Column("SQNR dB", "number", 1, rank=2), lambda step: step.sqnr_db),
            (Column("gain dB", "quantity", rank=1), lambda step: _signed(step.gain_db)),
            (Column("top-1 agreement", "percent", 0, rank=3), lambda step: step.agreement),
            (Column("seconds", "number", 1, rank=4), lambda step: step.seconds),
        ]
        note = "SQNR and agreement with the float net on calibration photos held back from the step"
        measured = any(report.sqnr_db is not None for report in reports)
        show(Table.of(reports, told, notes=(note,) if measured else ()), file=sys.stderr)


def _signed(decibels: float | None) -> str | None:
    return None if decibels is None else f"{decibels:+.1f}"
