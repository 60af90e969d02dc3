"""Single values as text for people, with aligned digits."""

from __future__ import annotations

import math
from typing import Any

MISSING = "-"
"""Stands for a value that is not there (None) or not a number (NaN)."""


def number(value: Any, digits: int = 2) -> str:
    """A number with fixed decimals and thousands separated: 1,234.50."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def percent(share: Any, digits: int = 1) -> str:
    """A share of 1 as a percentage: 82.0 %."""
    text = number(None if share is None else 100 * share, digits)
    return text if text == MISSING else f"{text} %"


def size(count: Any) -> str:
    """Bytes in binary units with one decimal: 3.4 MiB; whole bytes below 1 KiB."""
    if count is None or math.isnan(count):
        return MISSING
    value, units = float(count), ("B", "KiB", "MiB", "GiB")
    power = 0
    while round(value, 1) >= 1024 and power < len(units) - 1:
        value, power = value / 1024, power + 1
    return f"{value:,.0f} B" if power == 0 else f"{value:,.1f} {units[power]}"


def duration(seconds: float) -> str:
    """A time span at the precision it deserves: 9 s, 4 min 05 s, 2 h 03 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
