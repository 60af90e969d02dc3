"""Decodes many photos in parallel without holding many of them.

Pillow lets go of the interpreter's lock while it decodes and scales, so threads are enough. Only
`LOOK_AHEAD` photos a worker are under way or waiting at any moment, whatever the number of files.
Ordinary photos take a few megabytes each while they are decoded; one at the limit of
`images.MAX_PIXELS` takes about half a gigabyte.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.images import load_image
from edgeconv.data.preprocessing import Preprocessing, crop_pixels
from edgeconv.errors import ImageRefused

LOOK_AHEAD = 2
"""Photos a worker that are decoded or queued ahead of the one being consumed."""

MAX_WORKERS = 8
"""More threads than this would multiply the memory of decoding and gain little."""


def load_pixels(path: Path | str, pre: Preprocessing) -> NDArray[np.uint8]:
    """One file as the uint8 (H, W, 3) crop a net is fed from.

    Raises:
        ImageRefused: the file cannot be decoded or scaled; names it.
    """
    image = load_image(path)
    try:
        return crop_pixels(image, pre)
    except ImageRefused as error:
        raise ImageRefused(f"{path}: {error}") from error


def stream(
    paths: Iterable[Path], pre: Preprocessing, workers: int | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Decodes and crops the files in order.

    Args:
        paths: image files; read lazily.
        pre: the geometry.
        workers: threads; by default one for each CPU this process may use, at most `MAX_WORKERS`.

    Yields:
        uint8 RGB (H, W, 3), one for each path.

    Raises:
        ImageRefused: at the first file, in order, that cannot be decoded; names it. Files after it
            are not started.
    """
    count = workers if workers is not None else min(MAX_WORKERS, _cpus())
    remaining = iter(paths)
    with ThreadPoolExecutor(max_workers=max(1, count), thread_name_prefix="decode") as pool:
        pending: deque[Future[NDArray[np.uint8]]] = deque()
        try:
            for path in islice(remaining, max(1, count) * LOOK_AHEAD):
                pending.append(pool.submit(load_pixels, path, pre))
            while pending:
                pixels = pending.popleft().result()
                for path in islice(remaining, 1):
                    pending.append(pool.submit(load_pixels, path, pre))
                yield pixels
        finally:
            for future in pending:
                future.cancel()


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
