"""The root of the command line, which leaves errors to `main`."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperGroup

from edgeconv.runtime.plain import MOST_MESSAGE_BYTES, plain


class NotOfTyper(Exception):
    """Carries as its cause an error that Typer would end the program for, with a code of its own.

    A net of the user's may exit or run out of input, a pipe be closed, a signal come: Typer would
    make 0, 1 or 130 of these.
    """


class Group(TyperGroup):
    """The verbs."""

    def make_context(self, *arguments: Any, **keywords: Any) -> Any:
        """Typer's; prints help, which nobody may read, or installs completion and exits."""
        with _kept_from_typer(exits=True):
            return super().make_context(*arguments, **keywords)

    def invoke(self, ctx: Any) -> Any:
        """Typer's; runs a verb."""
        with _kept_from_typer():
            return super().invoke(ctx)


@contextmanager
def _kept_from_typer(*, exits: bool = False) -> Iterator[None]:
    """Hides from Typer what it would make an exit code of; where it `exits` by itself, not that."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise NotOfTyper from error
    except (SystemExit, EOFError) as error:
        pipe = error.__context__  # what Rich makes of a closed pipe is SystemExit(1)
        if isinstance(pipe, BrokenPipeError):
            raise NotOfTyper from pipe
        if exits and isinstance(error, SystemExit):
            raise
        raise NotOfTyper from error
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        raise NotOfTyper from error
    except Exception as error:
        if isinstance(words := getattr(error, "message", None), str):  # Typer's, of wrong usage
            error.message = plain(words, MOST_MESSAGE_BYTES)  # type: ignore[attr-defined]
        raise
