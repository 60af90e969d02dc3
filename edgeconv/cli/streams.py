"""Standard output and standard error as the command finds them: closed, full, or in ASCII."""

from __future__ import annotations

import io
import os
import sys

from edgeconv.errors import UnavailableError


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
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), errors="backslashreplace")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


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
                _say(f"error: the output could not be written whole: {error}\n")
    return code


def _say(words: str) -> None:
    """Past Python's own buffers, which failed."""
    try:
        os.write(2, words.encode(errors="backslashreplace"))
    except OSError:
        return
