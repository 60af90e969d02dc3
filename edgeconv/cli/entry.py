"""Where the program begins: signals are heard before anything is imported that takes time."""

from __future__ import annotations

from typing import NoReturn

from edgeconv.cli.process import signals

signals.end_at_once()


def command() -> NoReturn:
    """The program, watched over."""
    from edgeconv.cli.main import command as watched

    watched()
