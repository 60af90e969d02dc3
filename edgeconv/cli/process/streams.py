"""Standard output and standard error: closed, full or in ASCII, and what may be written to them.

The last gate before a terminal. Our own lines and tables come cleaned; what a library prints, or
Python warns of, is cleaned here.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import warnings
from typing import Any

from edgeconv.errors import UnavailableError
from edgeconv.report.console import draws, say
from edgeconv.runtime.plain import MOST_MESSAGE_BYTES, plain

#: What live lines are made of: styles, cursor up, erase, cursor shown or hidden.
_DRAWING = re.compile(r"(\x1b\[(?:[0-9;]*m|[0-9]*[AK]|\?25[lh])|[\n\t\r])")
_LINES = re.compile(r"([\n\t])")
_MOST_IN_A_CHARACTER = 4
"""Bytes of one in UTF-8."""


class Gate(io.TextIOWrapper):
    """A stream that spells control characters out; one that is drawn on lets what draws pass.

    Attributes:
        most_bytes: of a line of messages: longer ones lose their middle; None of results.
    """

    most_bytes: int | None = None

    def write(self, text: str) -> int:
        """As any stream; the number of characters that were given."""
        given = len(text)
        if self.most_bytes is not None and len(text) > self.most_bytes // _MOST_IN_A_CHARACTER:
            text = self._shortened(text, self.most_bytes)
        if not text.replace("\n", "").isprintable():
            passes = _DRAWING if draws(self) or os.environ.get("FORCE_COLOR") else _LINES
            parts = passes.split(text)  # every second one is what passes
            parts[::2] = map(plain, parts[::2])
            super().write("".join(parts))
        else:
            super().write(text)
        return given

    @staticmethod
    def _shortened(text: str, most_bytes: int) -> str:
        lines = text.split("\n")
        return "\n".join(
            line if len(line.encode(errors="replace")) <= most_bytes else plain(line, most_bytes)
            for line in lines
        )


def _gate(stream: io.TextIOWrapper) -> Gate:
    return Gate(
        stream.buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def make_safe() -> None:
    """Lets every text be printed, and keeps files from taking a closed stream's number.

    Text that a stream's encoding lacks, or a name that is no text, is shown with backslashes.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    if sys.stderr is None:
        opened = io.BufferedWriter(io.FileIO(2, "w", closefd=False))
        sys.stderr = Gate(opened, errors="backslashreplace", line_buffering=True)
    elif isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _gate(sys.stderr)
    if isinstance(sys.stderr, Gate):
        sys.stderr.most_bytes = MOST_MESSAGE_BYTES
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _gate(sys.stdout)
    warnings.showwarning = _warn  # type: ignore[assignment]  # where it arose goes unnamed
    logging.lastResort = _Logged(logging.WARNING)


class _Logged(logging.Handler):
    """What a library logs and nobody asked for, in our form: one short line."""

    def emit(self, record: logging.LogRecord) -> None:
        """As any handler."""
        if sys.stderr is not None:
            say(f"{record.levelname.lower()}: {record.getMessage()}", err=True)


def _warn(message: Warning | str, *_where: Any) -> None:
    """Python's warnings in our form: one short line, without a library's path and source."""
    if sys.stderr is not None:
        say(f"warning: {message}", err=True)


def check_open() -> None:
    """Raises UnavailableError where there is no standard output to print results on."""
    if sys.stdout is None:
        raise UnavailableError("standard output is closed; send it somewhere, such as to /dev/null")


def flushed(code: int) -> int:
    """Brings out what was printed; gives the exit code, 3 where that fails in a command done."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError) as error:
            if code == 0:
                code = UnavailableError.exit_code
                _say(f"error: the output could not be written whole: {plain(str(error))}\n")
    return code


def _say(words: str) -> None:
    """Past Python's own buffers, which failed."""
    try:
        os.write(2, words.encode(errors="backslashreplace"))
    except OSError:
        return
