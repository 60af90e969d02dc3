"""Keeps native libraries from writing routine notes to standard error.

LiteRT's C++ code writes `INFO:` lines straight to file descriptor 2 and offers no switch for them.
While an engine opens a file, the descriptor points to a temporary file; afterwards everything in it
that is not routine is written to the real standard error.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from edgeconv.runtime.plain import MOST_MESSAGE_BYTES, plain

ROUTINE = (b"INFO:", b"VERBOSE:", b"I0000 ")

#: Of what is passed on, the last ones.
_MOST_BYTES = MOST_MESSAGE_BYTES

_one_at_a_time = threading.Lock()


@contextmanager
def routine_silenced() -> Iterator[None]:
    """Drops routine lines that native code writes to descriptor 2, passes all others on.

    The descriptor belongs to the whole process, so one thread at a time is inside. A line that
    arrives just before the process dies of a signal is lost.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as held:
        try:
            with stderr_in(held):
                yield
        finally:
            held.seek(max(0, held.seek(0, os.SEEK_END) - _MOST_BYTES))
            kept = [_shown(line) for line in held if not line.startswith(ROUTINE)]
            if kept:
                os.write(2, b"".join(kept))


def _shown(line: bytes) -> bytes:
    """It may hold names out of a model file."""
    return plain(line.rstrip(b"\r\n").decode(errors="backslashreplace")).encode() + b"\n"


@contextmanager
def stderr_in(file: IO[bytes]) -> Iterator[None]:
    """What native code writes to descriptor 2 goes to a file, where standard error is open."""
    sys.stderr.flush()
    try:
        real = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(real, 2)
        os.close(real)
