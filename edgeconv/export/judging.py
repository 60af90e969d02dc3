"""The samples that judge an export, and what the float net makes of them.

Both are known as soon as the graph is: they are worked out while it is quantized.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.data import builtin
from edgeconv.data.samples import Sample, stacked, stream
from edgeconv.errors import NetRefused
from edgeconv.export.bundle.golden_folder import Case
from edgeconv.export.bundle.verdict import Judges
from edgeconv.export.calibration import OwnSamples
from edgeconv.export.golden_cases import builtin_cases, own_cases
from edgeconv.export.sources.source import Reference, Source
from edgeconv.export.threads import one_thread
from edgeconv.runtime.adapt import Samples
from edgeconv.runtime.feeds import Batch, arrays_of, rows

#: Photos in golden.npz: enough for a parity figure that does not hang on one photo.
GOLDEN_PHOTOS = 8


@dataclass(frozen=True, eq=False)
class Judging:
    """Samples that judge, what the float net makes of them by output name, and which they are."""

    samples: Samples
    outputs: dict[str, NDArray[Any]]
    told: Judges


@dataclass(frozen=True, eq=False)
class AllJudging:
    """What judges an export.

    Attributes:
        golden: what golden.npz is to hold.
        cases: what golden/ is to hold.
        own: the user's, where those judge and are none of the bundle's business.
    """

    golden: Judging
    cases: Sequence[Case]
    own: Judging | None = None


def judging(
    net: Source, reference: Reference, own: OwnSamples | None, *, own_in_bundle: bool, stop: Event
) -> AllJudging:
    """Runs the float net on the samples.

    Args:
        net: what is exported.
        reference: runs it.
        own: the user's samples; None where there are none.
        own_in_bundle: whether golden.npz holds those.
        stop: set where nobody waits for this any more.

    Raises:
        NetRefused: the net's outputs are not finite, or its own code failed.
        ImageRefused: a photo cannot be read.
    """
    with one_thread():
        if own is None:
            return AllJudging(_builtin(net, reference, stop), builtin_cases(net.intake))
        found = _own(net, reference, own, stop)
        if net.intake.preprocessing is None or own_in_bundle:
            return AllJudging(found, own_cases(own, net.intake))
        way_out = "; with --golden-from-calib photos of your folder take their place"
        golden = _builtin(net, reference, stop, way_out)
        return AllJudging(golden, builtin_cases(net.intake), found)


def _builtin(net: Source, reference: Reference, stop: Event, way_out: str = "") -> Judging:
    count = whole_batches(GOLDEN_PHOTOS, reference)
    how = net.intake.of_photo(net.name)
    photos = list(builtin.photos(how, count, "golden"))
    told = Judges("builtin", count, held_back=True)
    return _judging(net, reference, photos, told, f"ordinary photos{way_out}", stop)


def _own(net: Source, reference: Reference, own: OwnSamples, stop: Event) -> Judging:
    """The user's; where they are no whole batch, they fill it up in turns."""
    held = list(stream(own.judging, net.intake))
    samples = list(islice(cycle(held), whole_batches(len(held), reference)))
    told = Judges("folder", len(held), own.are_held_back)
    kind = "samples" if own.are_tensors else "photos"
    return _judging(net, reference, samples, told, f"{kind} of your folder", stop)


def whole_batches(photos: int, reference: Reference) -> int:
    """So many photos, or as many more as fill the last batch."""
    return -(-photos // reference.batch) * reference.batch


def _judging(
    net: Source,
    reference: Reference,
    samples: Sequence[Sample],
    told: Judges,
    which: str,
    stop: Event,
) -> Judging:
    given = stacked(samples, net.intake)
    outputs = _outputs(reference, given.reals, stop)
    for name, array in outputs.items():
        if not np.isfinite(array).all():
            raise NetRefused(f"the net's output {name} is not finite on {which}")
    return Judging(given, outputs, told)


def _outputs(reference: Reference, samples: Batch, stop: Event) -> dict[str, NDArray[Any]]:
    """What the float net makes of the samples, a batch at a time."""
    made: list[dict[str, NDArray[Any]]] = []
    for start in range(0, len(arrays_of(samples)[0]), reference.batch):
        if stop.is_set():
            break
        made.append(reference.outputs(rows(samples, slice(start, start + reference.batch))))
    return {n: np.concatenate([of[n] for of in made]) for n in (made[0] if made else ())}
