"""Threads that work beside each other: as many as there are cores, up to a bound."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any, TypeVar

#: Threads at most; each holds the arrays of what it works on.
MOST_WORKERS = 4

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def count_workers(most: int = MOST_WORKERS) -> int:
    """One for each core that this process may use, at most `most`."""
    if hasattr(os, "sched_getaffinity"):
        return min(most, len(os.sched_getaffinity(0)))
    return min(most, os.cpu_count() or 1)


def in_threads(work: Callable[..., _Out], *items: Iterable[Any]) -> list[_Out]:
    """What `map` gives, in its order, several items at a time; raises what `work` raises first."""
    with ThreadPoolExecutor(count_workers()) as pool:
        return list(pool.map(work, *items))


@contextmanager
def beside(work: Callable[[Event], _Out]) -> Iterator[Callable[[], _Out]]:
    """Does `work` in a thread while the block runs; the block may ask for what it gives.

    It waits for the work's end there and at its own end. What the work raises is raised where it is
    asked for. The event is set when the block ends: then nobody asks any more.
    """
    ended = Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, ended)
        try:
            yield future.result
        finally:
            ended.set()


def stream(
    work: Callable[[_In], _Out], items: Iterable[_In], *, workers: int, ahead: int = 1
) -> Iterator[_Out]:
    """Results in the order of the items, for more items than fit into memory together.

    Args:
        work: done with each item, in a thread.
        items: taken one by one, as results are consumed.
        workers: threads.
        ahead: items a thread that are worked on, or wait, ahead of the result consumed next.

    Raises:
        What `work` raises first, in the order of the items; what waits behind it is not begun.
    """
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[_Out]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > workers * ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
