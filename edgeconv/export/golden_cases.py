"""The photos or tensors of a bundle's folder `golden/`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeconv.data import builtin
from edgeconv.data.decode import load_pixels
from edgeconv.data.inputs import Intake
from edgeconv.data.samples import stacked, stream
from edgeconv.export.bundle.golden_folder import Case
from edgeconv.export.calibration import OwnSamples

#: Cases of a bundle at most.
_MOST = 4
#: Of a photo of the user's that goes along.
_MOST_PHOTO_BYTES = 2**20


def builtin_cases(intake: Intake) -> list[Case]:
    """The built-in golden photos; for a net that takes photos."""
    how = intake.of_photo("the net")
    paths = [builtin.FOLDER / name for name in builtin.WHOLE]
    return [Case(path.stem, stacked([load_pixels(path, how)], intake), path) for path in paths]


def own_cases(own: OwnSamples, intake: Intake) -> list[Case]:
    """The first samples of the user's that judge."""
    return list(_cases(own.judging[:_MOST], intake, photos=not own.are_tensors))


def _cases(paths: Sequence[Path], intake: Intake, *, photos: bool) -> Iterator[Case]:
    """A case for each file; the file itself goes along where it is a small photo."""
    read = zip(paths, stream(paths, intake), strict=True)
    for number, (path, sample) in enumerate(read, start=1):
        goes_along = photos and path.stat().st_size <= _MOST_PHOTO_BYTES
        name = f"{'photo' if photos else 'sample'}_{number}"
        yield Case(name, stacked([sample], intake), path if goes_along else None)
