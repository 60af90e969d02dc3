"""The bounds that a bundle's files are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import typer

from edgeconv.verify.thresholds import DEFAULTS, Thresholds

_FLOAT_ERROR = (
    f"{DEFAULTS.float_error:g}; {DEFAULTS.deep_float_error:g} past {DEFAULTS.deep_layers} layers"
)


@dataclass(frozen=True)
class Checks:
    """When parity counts as passed."""

    panel: ClassVar = "Checks"

    float_error: float | None = typer.Option(
        None,
        help="Largest error of the float files, as a share of the largest logit.",
        show_default=_FLOAT_ERROR,
    )
    int8_sqnr_db: float | None = typer.Option(
        None,
        help="Least logit SQNR of the int8 files against float, in dB.",
        show_default=f"{DEFAULTS.int8_sqnr_db:g}",
    )

    def thresholds(self, otherwise: Thresholds = DEFAULTS) -> Thresholds:
        """As parity takes them, where nothing is stated those given.

        Raises:
            UsageError: a bound makes no sense.
        """
        return otherwise.with_stated(float_error=self.float_error, int8_sqnr_db=self.int8_sqnr_db)
