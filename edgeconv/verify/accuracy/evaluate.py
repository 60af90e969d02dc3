"""Runs model files over labelled photos, all of them on the same pixels, and compares them.

Photos are decoded once, in parallel, and go through every file in turn; of the logits only a few
bytes a photo are kept, so a set of any size fits in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.folders import LabelledImage
from edgeconv.data.inputs import Intake
from edgeconv.data.samples import stacked, stream
from edgeconv.disk import sha256_of
from edgeconv.errors import UsageError
from edgeconv.progress import SILENT, Progress
from edgeconv.runtime.adapt import Samples, run_logits
from edgeconv.runtime.open import engine_of, open_session
from edgeconv.runtime.saturation import int8_convolution_saturates
from edgeconv.runtime.session import Kernels, Opener, Session, SessionOptions
from edgeconv.verify.accuracy.comparison import AccuracyComparison, ComparisonTally
from edgeconv.verify.accuracy.losses import CountedLoss, Shown, counted
from edgeconv.verify.accuracy.promise import Outcome
from edgeconv.verify.accuracy.proportions import PairedDrop

#: Photos on which a file differs from the reference that are named.
_MOST_NAMED = 64
#: Photos that are decoded before the files run on them.
CHUNK = 32
#: The same for files on a device: to get there costs much, once for all of them.
FAR = 128


#: A file's name -> what is kept of one chunk of photos.
Counts = Mapping[str, ComparisonTally]
#: Photos that other machines run the files on -> the counts of each chunk, in order.
Spread = Callable[[Sequence[LabelledImage]], Iterator[Counts]]


@dataclass(frozen=True)
class Differing:
    """A photo on which a file tells another class than the reference.

    Attributes:
        photo: its file's name, with the class's folder where it stands in one.
        label: its class.
        reference, told: the classes they tell; -1 where logits are not finite.
    """

    photo: str
    label: int
    reference: int
    told: int


@dataclass(frozen=True)
class Evaluation:
    """One model file against the reference on labelled photos.

    Attributes:
        artifact: its short name or path.
        sha256: of the file, in hexadecimal.
        engine: what ran it.
        kernels: "default", or "reference" where the default ones saturate on this CPU.
        comparison: its accuracy, the reference's, and the paired figures.
        here: the same against this machine's run of the file; None where it ran here.
        bound: what the photos show of a bound on the top-1 it loses; None of the reference itself,
            and where none is asked for.
        differing: the first photos on which it differs from the reference; the share that agrees
            tells how many there are.
    """

    artifact: str
    sha256: str
    engine: str
    kernels: Kernels
    comparison: AccuracyComparison
    here: AccuracyComparison | None = None
    bound: Shown | None = None
    differing: tuple[Differing, ...] = ()


def evaluate(
    artifacts: Mapping[str, Path],
    reference: str,
    photos: Sequence[LabelledImage],
    intake: Intake,
    *,
    max_drop: float | None = None,
    threads: int = 1,
    elsewhere: Opener | None = None,
    progress: Progress = SILENT,
    parts: Mapping[str, slice] | None = None,
    spread: Spread | None = None,
) -> list[Evaluation]:
    """Accuracy of every file, and its agreement with the reference.

    Args:
        artifacts: model files by the name they are shown under.
        reference: which of them is the float reference, which runs on this machine.
        photos: image files and their class indices.
        intake: what the files take, and how a photo becomes it.
        max_drop: most points of top-1 that a file may lose.
        threads: of each engine.
        elsewhere: opens the other files on a device; they run here too, to be compared.
        progress: told how many photos are done.
        parts: columns of the logits that are joined from tensors of their own, by name.
        spread: runs all files on other machines, as `counts_of` does on one.

    Raises:
        UsageError: no photo, or a label that is no class of the net.
        ImageRefused: a photo cannot be decoded; names it.
        ArtifactRefused: a file cannot be run.
    """
    if not photos:
        raise UsageError("there is no sample to evaluate on")
    judged = {
        name: _Judged.of(name, path, threads, None if name == reference else elsewhere, parts)
        for name, path in artifacts.items()
    }
    progress.step(f"evaluate on the {intake.samples}", len(photos))
    if spread is not None:
        for counts in spread(photos):
            for name, file in judged.items():
                file.tally.merge(counts[name])
            progress.advance(judged[reference].tally.images)
    else:
        for images, labels in _chunks(photos, intake, CHUNK if elsewhere is None else FAR):
            _add(judged, reference, images, labels)
            progress.advance(judged[reference].tally.images)
    return [
        file.result(photos, None if name == reference else max_drop)
        for name, file in judged.items()
    ]


def counts_of(
    artifacts: Mapping[str, Path],
    reference: str,
    photos: Sequence[LabelledImage],
    intake: Intake,
    *,
    first: int,
    threads: int = 1,
    parts: Mapping[str, slice] | None = None,
) -> list[Counts]:
    """What `evaluate` counts on some of its photos, chunk by chunk; see it for errors.

    Args:
        artifacts, reference, photos, intake, threads, parts: its own.
        first: place of the first photo among all, a multiple of `CHUNK`.
    """
    opened = {
        name: _Judged.of(name, path, threads, None, parts) for name, path in artifacts.items()
    }
    found: list[Counts] = []
    for images, labels in _chunks(photos, intake, CHUNK):
        files = {
            name: replace(file, tally=ComparisonTally(parts, first))
            for name, file in opened.items()
        }
        _add(files, reference, images, labels)
        found.append({name: file.tally for name, file in files.items()})
        first += len(labels)
    return found


def _add(
    files: Mapping[str, _Judged], reference: str, images: Samples, labels: NDArray[np.int64]
) -> None:
    """Runs every file on a chunk."""
    expected = run_logits(files[reference].session, images)
    for name, file in files.items():
        file.add(images, labels, expected, is_reference=name == reference)


@dataclass(frozen=True, eq=False)
class _Judged:
    """One file on its way through the photos.

    Attributes:
        name: see Evaluation.artifact.
        path: the file.
        session: where it is judged.
        kernels: see Evaluation.
        twin: the same file on this machine; None where `session` is on this machine.
        tally, twin_tally: against the reference, and against the twin.
    """

    name: str
    path: Path
    session: Session
    kernels: Kernels
    twin: Session | None
    tally: ComparisonTally
    twin_tally: ComparisonTally = field(default_factory=ComparisonTally)

    @classmethod
    def of(
        cls,
        name: str,
        path: Path,
        threads: int,
        elsewhere: Opener | None,
        parts: Mapping[str, slice] | None,
    ) -> _Judged:
        here, kernels = open_exact(path, threads)
        tally = ComparisonTally(parts)
        if elsewhere is None:
            return cls(name, path, here, kernels, None, tally)
        there = elsewhere(path, SessionOptions(threads=threads))
        return cls(name, path, there, "default", here, tally)

    def add(
        self,
        images: Samples,
        labels: NDArray[np.int64],
        expected: NDArray[np.float32],
        *,
        is_reference: bool,
    ) -> None:
        logits = expected if is_reference else run_logits(self.session, images)
        self.tally.add(expected, logits, labels)
        if self.twin is not None:
            self.twin_tally.add(run_logits(self.twin, images), logits, labels)

    def result(self, photos: Sequence[LabelledImage], max_drop: float | None) -> Evaluation:
        found = self.tally.result()
        return Evaluation(
            artifact=self.name,
            sha256=sha256_of(self.path),
            engine=self.session.engine,
            kernels=self.kernels,
            comparison=found,
            here=None if self.twin is None else self.twin_tally.result(),
            bound=None if max_drop is None else counted(_lost(found.drop), max_drop),
            differing=tuple(islice(_differing(photos, *self.tally.answers), _MOST_NAMED)),
        )


def _differing(
    photos: Sequence[LabelledImage], reference: NDArray[np.int32], told: NDArray[np.int32]
) -> Iterator[Differing]:
    by_folder = len({photo.path.parent for photo in photos}) > 1
    for index in np.flatnonzero(reference != told):
        path, label = photos[int(index)].path, photos[int(index)].label
        name = f"{path.parent.name}/{path.name}" if by_folder else path.name
        yield Differing(name, label, int(reference[index]), int(told[index]))


def _lost(drop: PairedDrop) -> CountedLoss:
    lost, gained = drop.reference_only, drop.candidate_only
    return CountedLoss("top-1 lost", Outcome(drop.total, lost + gained, lost, gained))


def open_exact(path: Path, threads: int) -> tuple[Session, Kernels]:
    """A session whose kernels compute what the file says, also where the default ones saturate."""
    saturates = engine_of(path) == "onnxruntime" and int8_convolution_saturates()
    kernels: Kernels = "reference" if saturates else "default"
    return open_session(path, SessionOptions(threads=threads, kernels=kernels)), kernels


def _chunks(
    photos: Sequence[LabelledImage], intake: Intake, size: int
) -> Iterator[tuple[Samples, NDArray[np.int64]]]:
    labels = iter(photos)
    for images in batches([photo.path for photo in photos], intake, size):
        yield images, np.array([next(labels).label for _ in range(len(images))], np.int64)


def batches(paths: Sequence[Path], intake: Intake, size: int) -> Iterator[Samples]:
    """Samples as inputs, `size` at a time; raises RefusedError for one that cannot be read."""
    samples = stream(paths, intake)
    while chunk := list(islice(samples, size)):
        yield stacked(chunk, intake)
