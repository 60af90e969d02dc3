"""How much memory a model may take: no more than is free.

A file of some hundred bytes may ask for any amount. An engine that is refused it says so, and the
file is refused; one that is promised what is not there has the kernel kill this process or others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.errors import MemoryRefused
from edgeconv.runtime.host import bytes_in

if TYPE_CHECKING:
    from edgeconv.runtime.session import TensorSpec

#: Where control groups are, and the names of limit, use, and in "memory.stat" what can be dropped.
_GROUPS = Path("/sys/fs/cgroup")
_MINE = Path("/proc/self/cgroup")
_UNIFIED = ("memory.max", "memory.current", "inactive_file")
_OF_OLD = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def free_bytes() -> int | None:
    """What this machine, or the container this process is in, can still give; None: unknown."""
    machine = bytes_in("/proc/meminfo", "MemAvailable")
    return None if machine is None else min([machine, *_free_in_groups()])


@contextmanager
def within_free_memory() -> Iterator[None]:
    """Lets this process have no more memory than is free as the block begins, while it runs.

    Only what is the process's own counts, not files that it has mapped. Nothing is limited where
    the system is not Linux.
    """
    free, held = free_bytes(), bytes_in("/proc/self/status", "VmData")
    if sys.platform != "linux" or free is None or held is None:
        yield
        return
    import resource

    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    known = [one for one in (before, hard) if one != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([held + free, *known]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


def check_fits(label: str, given: Sequence[TensorSpec]) -> None:
    """Raises MemoryRefused where a model's inputs and outputs alone take more than is free."""
    sizes = {spec.name: spec.nbytes for spec in given}
    free = free_bytes()
    if free is not None and sum(sizes.values()) > free:
        largest = max(sizes, key=sizes.__getitem__)
        raise MemoryRefused(
            f"{label} takes and gives {sum(sizes.values()) >> 20:,} MiB, most of it {largest}; "
            f"{free >> 20:,} MiB are free"
        )


def _free_in_groups() -> Iterator[int]:
    """Of each control group with a limit of its own that this process is seen in."""
    for root, names, path in _groups():
        for place in {root, root / path.lstrip("/")}:
            with suppress(OSError, ValueError):  # "max"; not there, as seen from a container
                limit = int((place / names[0]).read_text())
                droppable = dict(line.split() for line in (place / "memory.stat").open())
                used = int((place / names[1]).read_text()) - int(droppable[names[2]])
                yield max(0, limit - used)


def _groups() -> Iterator[tuple[Path, tuple[str, str, str], str]]:
    with suppress(OSError):
        for line in _MINE.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield _GROUPS, _UNIFIED, path
            elif "memory" in controllers.split(","):
                yield _GROUPS / "memory", _OF_OLD, path
