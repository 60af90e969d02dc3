"""Divides the first calibration photos into those that steps look at and those they are judged on.

The photos come in an order in which any first part is a fair sample of all (`export.calibration`),
so that nothing has to be read to the end before the work begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import onnx_ir as ir

from edgeconv.graph.metrics import multiply_adds
from edgeconv.runtime.feeds import Batch, arrays_of

Photos = list[Batch]

#: Multiply-adds of a net below which more photos are looked at in proportion.
LIGHT = 300_000_000

#: Photos held in memory take at most this many bytes, but at least `FEWEST` are held.
MOST_BYTES = 256 * 2**20
#: Below this many photos none is held back: a few say more about themselves than about a step.
FEWEST = 8
#: Every so many photos one is held back.
EVERY = 4


@dataclass(frozen=True, eq=False)
class Sample:
    """Photos to work with: `seen` by the steps, and `held_back` from them (may be empty)."""

    seen: Photos
    held_back: Photos

    @property
    def count(self) -> int:
        """How many photos there are."""
        return len(self.seen) + len(self.held_back)


def affordable(photos: int, model: ir.Model, most: int) -> int:
    """How many photos of this net cost what `photos` cost of a net of `LIGHT` multiply-adds.

    Never fewer than those, and more of a light net up to `most`.
    """
    return max(photos, min(photos * LIGHT // max(multiply_adds(model), 1), most))


def divide(photos_to_come: Iterator[Batch], most: int, *, hold_back: bool) -> Sample:
    """Takes the next photos, at most `most`, every fourth of them held back."""
    photos: Photos = []
    for photo in islice(photos_to_come, most):
        photos.append(photo)
        bytes_each = sum(array.nbytes for array in arrays_of(photo))
        if len(photos) >= FEWEST and (len(photos) + 1) * bytes_each > MOST_BYTES:
            break
    if not hold_back or len(photos) < FEWEST:
        return Sample(photos, [])
    held_back = photos[EVERY - 1 :: EVERY]
    return Sample([p for i, p in enumerate(photos) if i % EVERY != EVERY - 1], held_back)
