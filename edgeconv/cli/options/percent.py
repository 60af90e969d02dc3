"""A share that is typed in percent."""

from __future__ import annotations

from edgeconv.errors import UsageError

_MOST_PERCENT = 1000.0


def percent(option: str, text: str) -> float:
    """5.0 from "5%" or "5"; raises UsageError."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= _MOST_PERCENT:
        raise UsageError(f"{option} {text} is no share; write 5%, 0 to {_MOST_PERCENT:g}")
    return value
