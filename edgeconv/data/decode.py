"""Decodes many photos in parallel without holding many of them.

Pillow lets go of the interpreter's lock while it decodes and scales, so threads are enough. Only
`LOOK_AHEAD` photos a worker are under way or waiting at any moment, whatever the number of files.
Ordinary photos take a few megabytes each while they are decoded; one at the limit of
`images.MAX_PIXELS` takes about half a gigabyte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv import threads
from edgeconv.data.images import load_image
from edgeconv.data.preprocessing import Preprocessing, crop_pixels
from edgeconv.errors import ImageRefused

LOOK_AHEAD = 2
"""Photos a worker that are decoded or queued ahead of the one being consumed."""

MAX_WORKERS = 8
"""More threads than this would multiply the memory of decoding and gain little."""


def load_pixels(path: Path | str, pre: Preprocessing) -> NDArray[np.uint8]:
    """One file as the uint8 (H, W, channels) crop a net is fed from.

    Raises:
        ImageRefused: the file cannot be decoded or scaled; names it.
    """
    image = load_image(path, pre.mode)
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
        uint8 (H, W, channels), one for each path.

    Raises:
        ImageRefused: at the first file, in order, that cannot be decoded; names it. Files after it
            are not started.
    """
    return threads.stream(
        lambda path: load_pixels(path, pre),
        paths,
        workers=workers or threads.count_workers(MAX_WORKERS),
        ahead=LOOK_AHEAD,
    )
