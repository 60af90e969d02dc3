"""The user's photos before PyTorch is started: a broken one is told at once, not after minutes.

Of each photo that may be read the file and its header are looked at. Those that judge the files
are decoded, and others while they are cheap; what is broken behind a header of the rest shows when
it is read.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from pathlib import Path

from edgeconv.data.images import count_pixels, load_image
from edgeconv.export.calibration import OwnSamples, fair_order
from edgeconv.export.options import ExportOptions

#: Pixels that are decoded of photos that do not judge, about: a sixth of a second.
CHEAP_PIXELS = 2**24
#: Headers that are read, at most: about a second.
MOST_HEADERS = 10_000


def check_photos(own: OwnSamples, options: ExportOptions) -> None:
    """Raises ImageRefused for the first photo that is found broken; names it.

    Tensors are looked at once it is known what the net takes.
    """
    if own.are_tensors:
        return
    for path in own.judging:
        _check(path, *_version(path), decoded=True)
    most = MOST_HEADERS if options.max_drop is not None else options.calib_samples
    decoded = 0
    for path in islice(fair_order(own.others, most), MOST_HEADERS):
        is_cheap = decoded < CHEAP_PIXELS
        pixels = _check(path, *_version(path), decoded=is_cheap)
        decoded += pixels


def _version(path: Path) -> tuple[int, int]:
    """Changes with the file; nothing of one that is not there."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return 0, 0
    return status.st_mtime_ns, status.st_size


@lru_cache(
    maxsize=MOST_HEADERS
)  # the command line asks before PyTorch is started, and Python's API
def _check(path: Path, _changed_ns: int, _size: int, *, decoded: bool) -> int:
    """How many pixels a photo has."""
    pixels = count_pixels(path)
    if decoded:
        load_image(path)
    return pixels
