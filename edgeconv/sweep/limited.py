"""Becomes a command that ends with the process that started it, within a bound of memory.

    python -P -m edgeconv.sweep.limited PARENT MEMORY_BYTES COMMAND ...

A program of its own: what runs between fork and exec may hang where a process has several threads,
as a worker of Dask's has.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

from edgeconv.child import end_with
from edgeconv.errors import SIGNALLED

#: In place of a number of bytes.
NO_BOUND = "-"


def main(parent: str, memory_bytes: str, *command: str) -> None:
    """Never returns."""
    if not end_with(int(parent)):
        os._exit(SIGNALLED + signal.SIGTERM)
    if memory_bytes != NO_BOUND:
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory_bytes),) * 2)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
