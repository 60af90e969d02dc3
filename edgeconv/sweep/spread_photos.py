"""Labelled photos spread over a Dask cluster, and counted there as one machine counts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.data.folders import LabelledImage
from edgeconv.data.inputs import Intake
from edgeconv.sweep.cell import Hashes, given
from edgeconv.sweep.shares import Places, Share, answers
from edgeconv.verify.accuracy.evaluate import CHUNK, Counts, counts_of

if TYPE_CHECKING:
    from distributed import Client

    from edgeconv.progress import Progress

#: Photos of a share: whole chunks, and enough that opening the files costs little beside them.
SHARE = 8 * CHUNK


@dataclass(frozen=True)
class Files:
    """What runs on the photos; for the attributes see `edgeconv.verify.accuracy.evaluate`."""

    artifacts: Mapping[str, Path]
    reference: str
    intake: Intake
    parts: Mapping[str, slice]
    threads: int


def counts(
    client: Client, progress: Progress, files: Files, photos: Sequence[LabelledImage]
) -> Iterator[Counts]:
    """The counts of each chunk of photos, in their order; raises as `answers` and `counts_of`."""
    for chunks in answers(client, _shares(files, photos), progress):
        yield from chunks


def _shares(files: Files, photos: Sequence[LabelledImage]) -> Iterator[Share[list[Counts]]]:
    hashes = Hashes()
    models = [given(path, hashes, also=_beside(path)) for path in files.artifacts.values()]
    for first in range(0, len(photos), SHARE):
        own = photos[first : first + SHARE]
        yield Share(
            f"photos {first + 1} to {first + len(own)}",
            (*models, *(given(photo.path, hashes) for photo in own)),
            partial(_counted, files, tuple(own), first),
        )


def _beside(model: Path) -> list[Path]:
    """The data that an ONNX file may keep in files of its own."""
    name = model.name
    return sorted(p for p in model.parent.iterdir() if p.name.startswith(name) and p.name != name)


def _counted(
    files: Files, photos: Sequence[LabelledImage], first: int, places: Places
) -> list[Counts]:
    """A share's counts, on a worker."""
    return counts_of(
        {name: places[path] for name, path in files.artifacts.items()},
        files.reference,
        [replace(photo, path=places[photo.path]) for photo in photos],
        files.intake,
        first=first,
        threads=files.threads,
        parts=files.parts,
    )
