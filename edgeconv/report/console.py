"""The one place that prints lines and makes a terminal's console, and says whether it may draw."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

from edgeconv.runtime.plain import MOST_MESSAGE_BYTES, plain

if TYPE_CHECKING:
    from rich.console import Console


def is_plain() -> bool:
    """Whether the user wants text alone: NO_COLOR is set (no-color.org), or the terminal is dumb.

    Neither colours nor bold nor moving lines then; the rest stays as on any terminal.
    """
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "") in ("dumb", "unknown")


def draws(stream: IO[str]) -> bool:
    """Whether live lines may be drawn on a stream."""
    return stream.isatty() and not is_plain()


def say(line: str = "", *, err: bool = False) -> None:
    """Prints one line on stdout, or on stderr, harmless for a terminal and below 2 kB."""
    print(plain(line, MOST_MESSAGE_BYTES), file=sys.stderr if err else sys.stdout, flush=True)


def console(
    file: IO[str] | None = None,
    *,
    width: int | None = None,
    soft_wrap: bool = False,
    markup: bool = True,
) -> Console:
    """A console without rich's own highlighting.

    Args:
        file: stdout by default.
        width: columns; found out by default.
        soft_wrap: whether long lines are left to the terminal.
        markup: whether [bold] in a text is a style.
    """
    from rich.console import Console

    return Console(
        file=file or sys.stdout,
        width=width,
        highlight=False,
        markup=markup,
        emoji=False,
        soft_wrap=soft_wrap,
        color_system=None if is_plain() else "auto",
    )
