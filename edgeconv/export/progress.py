"""What an export tells beside its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edgeconv.progress import Progress, Silent
from edgeconv.quantize.recipe.step import StepReport


class ExportProgress(Progress, Protocol):
    """Receives what an export is doing."""

    def steps(self, reports: Sequence[StepReport]) -> None:
        """What each step of the quantization recipe did."""
        ...


class SilentExport(Silent):
    """Says nothing; the manifest has what is of use later."""

    def steps(self, reports: Sequence[StepReport]) -> None:
        """Ignores them."""


SILENT_EXPORT = SilentExport()
