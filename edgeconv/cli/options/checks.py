"""The bounds that a bundle's files are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from edgeconv.verify.thresholds import DEFAULTS, Thresholds


@dataclass(frozen=True)
class Checks:
    """When parity counts as passed."""

    panel: ClassVar = "Checks"

    float_error: Annotated[
        float | None,
        typer.Option(
            help="Largest error of the float files, as a share of the largest logit.",
            show_default=f"{DEFAULTS.float_error:g}; {DEFAULTS.deep_float_error:g} past "
            f"{DEFAULTS.deep_layers} layers",
        ),
    ] = None
    int8_sqnr_db: Annotated[
        float, typer.Option(help="Least logit SQNR of the int8 files against float, in dB.")
    ] = DEFAULTS.int8_sqnr_db

    def thresholds(self) -> Thresholds:
        """As parity takes them; raises UsageError where a bound makes no sense."""
        return Thresholds.of(float_error=self.float_error, int8_sqnr_db=self.int8_sqnr_db)
